//! A width and a height in pixels.

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

    /// The size after a turn by 90 degrees.
    pub(super) fn turned(self) -> Self {
        Size { width: self.height, height: self.width }
    }
}

impl FromStr for Size {
    type Err = String;

    /// Parses `128`, a square box, or `256x192`.
    fn from_str(text: &str) -> Result<Self, String> {
        let pixels = |text: &str| text.parse().ok().filter(|n| (1..=Size::MAX).contains(n));
        let size = match text.split_once('x') {
            Some((width, height)) => {
                pixels(width).zip(pixels(height)).map(|(width, height)| Size { width, height })
            }
            None => pixels(text).map(Size::square),
        };
        size.ok_or_else(|| {
            format!("use one side (128) or two (256x192), each from 1 to {}", Size::MAX)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_parsed_and_invalid_ones_refused() {
        assert_eq!("128".parse(), Ok(Size::square(128)));
        assert_eq!("256x192".parse(), Ok(Size { width: 256, height: 192 }));
        for text in ["", "0", "-1", "x", "1x", "x1", "1x0", "1x2x3", "16385", "1.5", "1e3"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
