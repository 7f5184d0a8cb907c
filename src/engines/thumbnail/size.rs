//! A width and a height in pixels.

use std::fmt;
use std::str::FromStr;

/// A width and a height in pixels: of a picture, or of the box a thumbnail has to fit into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl Size {
    /// The longest side of a box that can be asked for, in pixels.
    pub const MAX: u32 = 16_384;

    /// A square box: it limits the longest side of a thumbnail to `side` pixels.
    pub const fn square(side: u32) -> Self {
        Size { width: side, height: side }
    }

    /// Whether one side is as long as any can be: `200x` limits the width only.
    pub fn is_open(self) -> bool {
        self.width == Size::MAX || self.height == Size::MAX
    }

    /// The size after a turn by 90 degrees.
    pub(super) fn turned(self) -> Self {
        Size { width: self.height, height: self.width }
    }
}

impl FromStr for Size {
    type Err = String;

    /// Parses `128`, a square box, `256x192`, or a limit on one side only: `200x` or `x200`.
    fn from_str(text: &str) -> Result<Self, String> {
        let pixels = |text: &str| text.parse().ok().filter(|n| (1..=Size::MAX).contains(n));
        let size = match text.split_once('x') {
            Some((width, "")) => pixels(width).map(|width| Size { width, height: Size::MAX }),
            Some(("", height)) => pixels(height).map(|height| Size { width: Size::MAX, height }),
            Some((width, height)) => {
                pixels(width).zip(pixels(height)).map(|(width, height)| Size { width, height })
            }
            None => pixels(text).map(Size::square),
        };
        size.ok_or_else(|| {
            let forms = "one side (128), a box (256x192), a width (200x) or a height (x200)";
            format!("use {forms}, from 1 to {}", Size::MAX)
        })
    }
}

impl fmt::Display for Size {
    /// The shortest text that is parsed to this size.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size { width, height } = self;
        match (*width, *height) {
            (side, other) if side == other => write!(f, "{side}"),
            (_, Size::MAX) => write!(f, "{width}x"),
            (Size::MAX, _) => write!(f, "x{height}"),
            _ => write!(f, "{width}x{height}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_parsed_and_invalid_ones_refused() {
        assert_eq!("128".parse(), Ok(Size::square(128)));
        assert_eq!("256x192".parse(), Ok(Size { width: 256, height: 192 }));
        assert_eq!("200x".parse(), Ok(Size { width: 200, height: Size::MAX }));
        assert_eq!("x200".parse(), Ok(Size { width: Size::MAX, height: 200 }));
        for text in ["", "0", "-1", "x", "0x", "x0", "1x0", "1x2x3", "16385", "1.5", "1e3"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
        for text in ["128", "256x192", "200x", "x200", "16384"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
    }
}
