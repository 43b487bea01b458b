//! Where the lines of a text begin and end, and their numbers.

/// A stretch of the text: a line without its end, or several where a quoted cell goes over them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Place of its first byte.
    pub(super) start: usize,
    /// Place after its last byte, before the end of line.
    pub(super) end: usize,
    /// Number of the line it begins on, from 1.
    pub(super) number: usize,
}

impl Line {
    pub(super) fn of<'t>(&self, text: &'t str) -> &'t str {
        &text[self.start..self.end]
    }
}

/// The lines of a text; LF, CR LF and a CR alone end one. Where cells may be quoted, a line goes on until the quotes of its cells
/// are closed: `quoted` is the byte between cells.
pub(super) fn lines(text: &str, quoted: Option<u8>) -> Vec<Line> {
    let bytes = text.as_bytes();
    let mut lines = Vec::new();
    let (mut start, mut begun, mut number) = (0, 1, 1);
    let (mut is_quoted, mut is_at_cell) = (false, true);
    let mut place = 0;
    while place < bytes.len() {
        let byte = bytes[place];
        let ends = byte == b'\n' || byte == b'\r';
        let wide = byte == b'\r' && bytes.get(place + 1) == Some(&b'\n');
        if ends {
            number += 1;
        }
        if is_quoted {
            // A doubled quote closes and opens again.
            is_quoted = byte != b'"';
            is_at_cell = false;
        } else if ends {
            lines.push(Line { start, end: place, number: begun });
            (start, begun, is_at_cell) = (place + 1 + usize::from(wide), number, true);
        } else if byte == b'"' && quoted.is_some() && (is_at_cell || bytes[place - 1] == b'"') {
            is_quoted = true;
        } else {
            is_at_cell = quoted == Some(byte);
        }
        place += 1 + usize::from(wide);
    }
    if start < bytes.len() {
        lines.push(Line { start, end: bytes.len(), number: begun });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::lines;

    /// Files with CR LF were told one line too low, after a library that counts ends of lines as it passes them.
    #[test]
    fn lines_are_counted_as_an_editor_does() {
        let found = |text: &str| {
            let lines = lines(text, Some(b','));
            lines.iter().map(|line| format!("{}:{}", line.number, line.of(text))).collect::<Vec<_>>()
        };
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a,b", "", "1,2", "3,4"].join(end);
            assert_eq!(found(&text), ["1:a,b", "2:", "3:1,2", "4:3,4"], "{end:?}");
            assert_eq!(found(&(text + end)).len(), 4, "{end:?}");
        }
        assert_eq!(found("a,\"b\nc\"\n1,\"\"\"x\r\ny\"\"\"\n2,3"), ["1:a,\"b\nc\"", "3:1,\"\"\"x\r\ny\"\"\"", "5:2,3"]);
        // A quote inside of a cell is a character.
        assert_eq!(found("5\" pipe,1\n6\" pipe,2"), ["1:5\" pipe,1", "2:6\" pipe,2"]);
    }
}
