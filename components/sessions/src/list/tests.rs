use super::{split_model, title};
use crate::row::{Details, Kind, Row};

#[test]
fn a_model_is_named_with_or_without_its_provider() {
    let both = (Some("openai".into()), Some("gpt-5/fast".into()));
    assert_eq!(split_model("openai/gpt-5/fast"), both);
    assert_eq!(split_model("gpt-5"), (None, Some("gpt-5".into())));
}

#[test]
fn a_session_without_a_name_is_called_by_its_id_and_day() {
    let row = Row::new("agent:main:main", "01ARZ3NDEKTSV4RRFFQ69G5FAV".into(), 0);
    let details = Details::default();
    assert_eq!(title(&row, &details).as_deref(), Some("01ARZ3ND (1970-01-01)"));
    let spoken = Details { derived_title: Some("Tax return".into()), ..details };
    assert_eq!(title(&row, &spoken).as_deref(), Some("Tax return"));
}

#[test]
fn the_kind_follows_from_the_key() {
    assert_eq!(Kind::of("agent:main:telegram:group:42"), Kind::Group);
    assert_eq!(Kind::of("agent:main:direct:jo"), Kind::Direct);
    assert_eq!(Kind::of("global"), Kind::Global);
}
