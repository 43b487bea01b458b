//! Words of files and users, made fit to be shown.

/// The same without characters that are not seen and change how others are read: controls, and orders of direction.
pub(super) fn visible(text: &str) -> String {
    let is_hidden = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_hidden(c) && !c.is_whitespace() { '\u{fffd}' } else { c }).collect()
}

/// The same in one line.
pub(super) fn clean(text: &str) -> String {
    visible(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{clean, visible};

    #[test]
    fn what_is_not_seen_is_marked() {
        assert_eq!(clean(" a\tb\r\n c\u{0}\u{1b}[31m\u{202e}d "), "a b c\u{fffd}\u{fffd}[31m\u{fffd}d");
        assert_eq!(visible("a\n  b"), "a\n  b");
    }
}
