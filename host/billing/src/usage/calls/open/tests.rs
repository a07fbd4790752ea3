use super::*;

fn call(agent: &str, model: &str, id: u128) -> Arc<Reserved> {
    let caller = Caller {
        tenant: "acme".parse().unwrap(),
        agent: agent.to_owned(),
        session: Some("s".to_owned()),
        run: None,
        component: String::new(),
    };
    let tokens = TokenCounts { input_uncached: 100, output_text: 50, ..TokenCounts::default() };
    let cost = PicoUsd::from_pico(200_000_000);
    Arc::new(Reserved {
        id: ulid::Ulid(id).to_string().parse().unwrap(),
        owners: Owner::of_caller(&caller),
        caller,
        method: "chat.send".to_owned(),
        provider: "local".to_owned(),
        model: model.to_owned(),
        rate_card_version: "1".to_owned(),
        tokens,
        amounts: Amounts { cost, tokens: tokens.total(), sandbox_ms: 0 },
        day_ms: 0,
        started_at: Timestamp::from_millisecond(1).unwrap(),
        expires_at: Timestamp::from_millisecond(2).unwrap(),
    })
}

#[test]
fn what_is_as_of_the_call_before_is_kept_once_and_read_back_for_each() {
    let calls =
        [call("main", "small", 1), call("main", "small", 2), call("main", "large", 3), call("other", "large", 4)];
    let mut kept = Calls::default();
    assert!(calls.iter().all(|call| kept.push(call, usize::MAX)));
    let text = kept.into_text().unwrap();
    assert_eq!(text.matches("small").count(), 1);
    assert_eq!(text.matches("200000000").count(), 1);
    let expected: Vec<_> = calls.iter().map(|call| (**call).clone()).collect();
    assert_eq!(parsed("acme", &text).unwrap(), expected);
}

#[test]
fn what_changes_from_one_call_to_the_next_is_read_back_as_it_changed() {
    let first = call("main", "small", 1);
    let dearer = Amounts { cost: PicoUsd::from_pico(300_000_000), ..first.amounts };
    let second = Reserved { amounts: dearer, ..(*call("main", "small", 2)).clone() };
    let later = Timestamp::from_millisecond(3).unwrap();
    let third = Reserved { expires_at: later, amounts: dearer, ..(*call("main", "small", 3)).clone() };
    let calls = [first, Arc::new(second), Arc::new(third)];
    let mut kept = Calls::default();
    assert!(calls.iter().all(|call| kept.push(call, usize::MAX)));
    let expected: Vec<_> = calls.iter().map(|call| (**call).clone()).collect();
    assert_eq!(parsed("acme", &kept.into_text().unwrap()).unwrap(), expected);
}

#[test]
fn a_call_for_which_there_is_no_room_leaves_the_others_as_they_were() {
    let (first, second) = (call("main", "small", 1), call("main", "small", 2));
    let mut kept = Calls::default();
    assert!(kept.push(&first, 10), "the first is kept however long it is");
    assert!(!kept.push(&second, 150));
    assert_eq!(parsed("acme", &kept.into_text().unwrap()).unwrap(), [(*first).clone()]);
}

#[test]
fn the_first_of_a_row_has_nothing_before_it() {
    let text = r#"[[["00000000000000000000000001"],[],[[100,0,0,0,50,0],200000000,0],[0,1,2]]]"#;
    assert!(parsed("acme", text).is_err());
    let whose = r#"["00000000000000000000000001","main","s",null,""],["chat.send","local","small","1"]"#;
    assert!(parsed("acme", &format!("[[{whose},[[100,0,0,0,50,0],200000000,0],[0,1,2]]]")).is_ok());
    assert!(parsed("acme", &format!("[[{whose},null,[0,1,2]]]")).is_err());
    assert!(parsed("acme", &format!("[[{whose},[[100,0,0,0,50,0],200000000,0],null]]")).is_err());
}
