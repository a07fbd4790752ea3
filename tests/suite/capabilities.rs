//! `docs/capabilities.md` is made from the comments of `wit/`, and so says what the contract says.

use std::{collections::BTreeMap, fs};

use openclaw_tests::{golden, workspace};

const HEAD: &str = "\
# Capabilities

Every interface of the contract: its functions, types, units, limits and errors. The page is made from the comments of
[wit/](../wit/world.wit). [Which grant gives which](handlers.md#what-a-grant-gives) is a page of its own; what has no
place there is declared and not served yet, but for `component`, `subscriber` and `migration`, which a component itself
exports. WASI's clocks, randomness, streams, files and `wasi:http` are as WASI has them.
";

/// `max_width` of rustfmt.toml.
const WIDTH: usize = 120;

#[test]
fn the_page_says_what_the_contract_says() {
    golden::same_as("docs/capabilities.md", &page());
}

fn page() -> String {
    let files = fs::read_dir(workspace().join("wit")).expect("wit/").map(|entry| entry.expect("an entry").path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "wit"));
    let mut sections: BTreeMap<String, String> =
        files.flat_map(|path| sections(&fs::read_to_string(path).expect("a file"))).collect();
    let world = fs::read_to_string(workspace().join("wit/world.wit")).expect("the world");
    let named = names(&world).into_iter().filter_map(|name| sections.remove(name));
    let page = HEAD.to_owned() + &named.collect::<String>();
    assert!(sections.is_empty(), "no world has {:?}", sections.keys());
    page
}

/// The interfaces of our own that the worlds import and export, each once.
fn names(world: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for line in world.lines().map(str::trim) {
        let item = line.strip_prefix("import ").or_else(|| line.strip_prefix("export "));
        let own = item.and_then(|item| item.strip_suffix(';')).filter(|name| !name.contains(':'));
        names.extend(own.filter(|name| !names.contains(name)));
    }
    names
}

/// The interfaces of a file: each one's name and its part of the page.
fn sections(file: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, Section)> = Vec::new();
    let (mut docs, mut depth, mut in_interface) = (Vec::new(), 0, false);
    for line in file.lines().map(str::trim) {
        if let Some(doc) = line.strip_prefix("///") {
            docs.push(doc.strip_prefix(' ').unwrap_or(doc));
            continue;
        }
        if let Some(opened) = line.strip_suffix(" {") {
            depth += 1;
            let (kind, name) = opened.split_once(' ').unwrap_or((opened, ""));
            if depth == 1 {
                in_interface = kind == "interface";
            }
            if in_interface && depth == 1 {
                sections.push((name.to_owned(), Section::of(name, &docs)));
            } else if let Some((_, section)) = sections.last_mut().filter(|_| in_interface) {
                section.group(kind, name, &docs);
            }
        } else if line == "}" {
            depth -= 1;
            in_interface &= depth > 0;
        } else if let Some((_, section)) = sections.last_mut().filter(|_| in_interface && is_item(line)) {
            section.item(line, &docs, depth == 1);
        }
        docs.clear();
    }
    sections.into_iter().map(|(name, section)| (name, section.text)).collect()
}

fn is_item(line: &str) -> bool {
    !line.is_empty() && !line.starts_with("use ") && !line.starts_with("//")
}

/// One interface's part of the page.
struct Section {
    text: String,
    /// The last line is one of a list.
    in_list: bool,
    /// What stands last belongs to a record, resource, variant or enumeration.
    in_group: bool,
}

impl Section {
    fn of(name: &str, docs: &[&str]) -> Self {
        let text = format!("\n## {name}\n{}", prose(docs));
        Self { text, in_list: false, in_group: false }
    }

    fn group(&mut self, kind: &str, name: &str, docs: &[&str]) {
        self.text += &format!("\n### {kind} `{name}`\n{}", prose(docs));
        (self.in_list, self.in_group) = (false, true);
    }

    fn item(&mut self, line: &str, docs: &[&str], of_interface: bool) {
        if of_interface && self.in_group {
            self.text += "\n### functions\n";
            (self.in_list, self.in_group) = (false, false);
        }
        if !self.in_list {
            self.text.push('\n');
            self.in_list = true;
        }
        let mut item = format!("- `{}`", line.trim_end_matches([';', ',']).replace('%', ""));
        // The first paragraph stands beside the item, what follows below it.
        let (beside, below) = docs.split_at(docs.iter().position(ends_a_paragraph).unwrap_or(docs.len()));
        if !beside.is_empty() {
            item += &format!(": {}", beside.join(" "));
        }
        self.text += &wrapped(&item);
        for doc in below {
            self.text += format!("  {doc}").trim_end();
            self.text.push('\n');
        }
    }
}

fn ends_a_paragraph(doc: &&str) -> bool {
    doc.is_empty() || doc.starts_with("- ")
}

/// An item of a list, in lines of the project's width.
fn wrapped(item: &str) -> String {
    let (mut text, mut width) = (String::new(), 0);
    for word in item.split_whitespace() {
        let word_width = word.chars().count();
        let before = match width {
            0 => "",
            _ if width + 1 + word_width <= WIDTH => " ",
            _ => "\n  ",
        };
        width = if before == "\n  " { 2 } else { width + before.len() } + word_width;
        text = text + before + word;
    }
    text + "\n"
}

/// Paragraphs; limits and errors have one each.
fn prose(docs: &[&str]) -> String {
    let mut text = String::new();
    let mut last = "";
    for doc in docs {
        let begins = doc.starts_with("Limits:") || doc.starts_with("Errors:");
        if text.is_empty() || (begins && !last.is_empty()) {
            text.push('\n');
        }
        text += doc;
        text.push('\n');
        last = doc;
    }
    text
}

#[test]
fn comments_become_a_page() {
    let file = "package a:b;\n\n/// One.\n/// Limits: few.\ninterface x {\n    use types.{error};\n\n    record r {\n\
                /// The key.\n        key: string,\n        rest: u8,\n    }\n\n    /// Opens.\n    ///\n    /// Twice.\n    \
                %list: func() -> r;\n}\nworld w {\n    import x;\n}\n";
    let page = "\n## x\n\nOne.\n\nLimits: few.\n\n### record `r`\n\n- `key: string`: The key.\n- `rest: u8`\n\n\
                ### functions\n\n- `list: func() -> r`: Opens.\n\n  Twice.\n";
    assert_eq!(sections(file), [("x".to_owned(), page.to_owned())]);
    assert_eq!(names(file), ["x"]);
}

#[test]
fn an_item_is_wrapped_and_what_stands_below_it_is_not() {
    let doc = "word ".repeat(30);
    let file = format!(
        "interface x {{\n    /// {doc}\n    /// and so on:\n    /// - one;\n    ///   more.\n    f: func();\n}}\n"
    );
    let (first, second) = ("word ".repeat(21), "word ".repeat(9));
    let page = format!("\n## x\n\n- `f: func()`: {}\n  {second}and so on:\n  - one;\n    more.\n", first.trim_end());
    assert_eq!(sections(&file), [("x".to_owned(), page)]);
}
