//! `docs/values.md`: every value of the chart with its default and its comment.
//!
//! `WRITE_VALUES=1 cargo test --test it the_page_of_values` writes the page anew.

use super::*;

/// What stands before the table.
const HEAD: &str = "# Values of the chart

Every value with its default and its meaning, as `helm show values charts/github-pat-operator` prints them. [settings.md](settings.md) has
what stands below `settings` with its bounds, also the fields of each entry of [`settings.hosts`](settings.md#hosts) and
[`settings.sinks`](settings.md#sinks). [platforms.md](platforms.md) has what clusters need, [grants.md](grants.md) the rights. A test makes this page.

| value | default | meaning |
|---|---|---|
";

/// The comment before each key of `values.yaml`, by its path, in their order. What a comment shows as an example is left out.
fn comments(text: &str) -> Vec<(String, String)> {
    let (mut path, mut comment, mut comments) = (Vec::<(usize, &str)>::new(), Vec::new(), Vec::new());
    for line in text.lines() {
        let words = line.trim_start();
        let indent = line.len() - words.len();
        if let Some(said) = words.strip_prefix('#') {
            comment.push(said.trim());
        } else if let Some((key, _)) = words.split_once(':').filter(|_| !words.starts_with('-')) {
            path.retain(|(before, _)| *before < indent);
            path.push((indent, key));
            let of: Vec<_> = path.iter().map(|(_, key)| *key).collect();
            let is_example = |said: &&str| said.ends_with(':') && !said.contains(' ');
            let said: Vec<_> = comment.drain(..).take_while(|said| !is_example(said)).collect();
            if !said.is_empty() {
                comments.push((of.join("."), said.join(" ")));
            }
        } else {
            comment.clear();
        }
    }
    comments
}

/// Whether values below this path have comments of their own.
fn is_section(path: &str, comments: &[(String, String)]) -> bool {
    comments.iter().any(|(key, _)| key.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// The values at and below this path that no comment explains.
fn unexplained(path: &str, value: &Value, comments: &[(String, String)]) -> Vec<String> {
    if path.is_empty() || is_section(path, comments) {
        let below = value.as_object().unwrap().iter().flat_map(|(key, value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            unexplained(&path, value, comments)
        });
        return below.collect();
    }
    let is_explained = comments.iter().any(|(key, _)| key == path);
    if is_explained { Vec::new() } else { vec![path.to_owned()] }
}

#[test]
fn the_fields_of_hosts_and_sinks_stand_where_the_page_of_values_says() {
    let schema: Value =
        serde_json::from_slice(&fs::read(chart().join("values.schema.json")).unwrap()).unwrap();
    let page = crate::docs::read("docs/settings.md");
    for (definition, heading) in [("host", "Hosts"), ("sink", "Sinks")] {
        assert!(HEAD.contains(&format!("settings.md#{}", heading.to_lowercase())));
        let section = page.split(&format!("\n## {heading}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        let named: BTreeSet<_> = rows
            .filter_map(|line| line.split('|').nth(1))
            .flat_map(|column| column.split('`').skip(1).step_by(2))
            .map(|field| field.split('.').next().unwrap())
            .collect();
        let fields = schema["definitions"][definition]["properties"].as_object().unwrap();
        let missing: Vec<_> = fields.keys().filter(|field| !named.contains(field.as_str())).collect();
        assert!(fields.len() > 5 && missing.is_empty(), "{heading}: {missing:?}");
    }
}

#[test]
fn the_page_of_values_has_every_value_with_its_default_and_its_comment() {
    let text = fs::read_to_string(chart().join("values.yaml")).unwrap();
    let values: Value = from_yaml(&text).unwrap();
    let comments = comments(&text);
    assert_eq!(unexplained("", &values, &comments), [""; 0], "values without a comment");
    let row = |(path, comment): &(String, String)| {
        let value = path.split('.').fold(&values, |value, key| &value[key]);
        let default = if is_section(path, &comments) { String::new() } else { format!("`{value}`") };
        format!("| `{path}` | {default} | {comment} |\n")
    };
    let made = format!("{HEAD}{}", comments.iter().map(row).collect::<String>());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/values.md");
    if std::env::var_os("WRITE_VALUES").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let page = fs::read_to_string(&path).unwrap_or_default();
    assert!(page == made, "run: WRITE_VALUES=1 cargo test --test it the_page_of_values");
}
