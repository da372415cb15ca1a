//! Makes texts of others plain: whatever stands in a name, a login or a message, a terminal shows it and does nothing else.

/// The text with every character that a terminal acts upon, or that is not seen, in the notation of Rust: `\n`, `\u{202e}`.
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_harmless(letter) {
            shown.push(letter);
        } else {
            shown.extend(letter.escape_default());
        }
    }
    shown
}

/// The text of JSON with every such character as JSON escapes it, so that it stays the same value. They can stand within texts only.
pub fn plain_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter == '\n' || is_harmless(letter) {
            shown.push(letter);
        } else {
            let mut units = [0_u16; 2];
            for unit in letter.encode_utf16(&mut units) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    shown
}

/// True if it takes a place of its own, in the order in which it stands: no control character, none that turns the direction of what
/// follows, none without width. Those of the category Cf are listed in <https://www.unicode.org/Public/UCD/latest/ucd/extracted/DerivedGeneralCategory.txt>.
pub fn is_harmless(letter: char) -> bool {
    !letter.is_control()
        && !matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_upon_is_shown_as_text() {
        let rows = [
            ("acme-ci", "acme-ci"),
            ("Grüße, 世界 🙂 <b>&amp;</b>", "Grüße, 世界 🙂 <b>&amp;</b>"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}[31mred\u{1b}]0;title\u{7}", "\\u{1b}[31mred\\u{1b}]0;title\\u{7}"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("a\u{202e}b\u{2066}c\u{200f}", "a\\u{202e}b\\u{2066}c\\u{200f}"),
            ("a\u{200b}b\u{feff}c\u{2028}", "a\\u{200b}b\\u{feff}c\\u{2028}"),
            ("\u{e0041}\u{7f}", "\\u{e0041}\\u{7f}"),
        ];
        for (text, expected) in rows {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn json_keeps_its_value_and_has_nothing_in_it_that_a_terminal_acts_upon() {
        let value =
            serde_json::json!({ "a\u{202e}": ["\u{1b}[31m", "\u{9b}2J\u{7f}", "\u{e0041} 世界", "plain"] });
        let text = plain_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(text.chars().all(|letter| letter == '\n' || is_harmless(letter)), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
