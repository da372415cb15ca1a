//! What of a text fits into a place of bounded size, counted in bytes of JSON as an API server stores it.

/// What a character takes at most. Those of HTML are escaped.
pub const fn cost(character: char) -> usize {
    match character {
        '"' | '\\' => 2,
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => 6,
        character if character.is_ascii_control() => 6,
        character => character.len_utf8(),
    }
}

/// The beginning that fits.
pub fn beginning(text: &str, room: usize) -> &str {
    let mut taken: usize = 0;
    for (at, character) in text.char_indices() {
        taken = taken.saturating_add(cost(character));
        if taken > room {
            return text.get(..at).unwrap_or_default();
        }
    }
    text
}

/// Cuts the text to what fits, with a mark at its end if it was longer.
pub fn cut(text: &mut String, room: usize) {
    const MARK: char = '…';
    if beginning(text, room).len() < text.len() {
        let end = beginning(text, room.saturating_sub(MARK.len_utf8())).len();
        text.truncate(end);
        text.push(MARK);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_text_is_cut_between_characters_where_its_room_ends() {
        let rows = [
            ("", 3, ""),
            ("abc", 3, "abc"),
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abc…"),
            ("€€", 6, "€€"),
            ("€€€", 8, "€…"),
            ("<b>", 13, "<b>"),
            ("<b>", 12, "<b…"),
            ("\u{1}\"", 8, "\u{1}\""),
            ("ab", 1, "…"),
        ];
        for (text, room, expected) in rows {
            let mut cut = text.to_owned();
            super::cut(&mut cut, room);
            assert_eq!(cut, expected, "{text} {room}");
        }
    }
}
