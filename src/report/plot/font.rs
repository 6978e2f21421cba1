//! The one typeface of all plots, shipped with the program so that no system library is asked.

use std::sync::Once;

use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};

/// As SVG names it: readers without DejaVu fall back on faces of nearly the same widths.
pub const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// Height from the deepest descender to the highest ascender, per em: what the rasterizer takes as a font's size.
pub const HEIGHT_PER_EM: f64 = 2384.0 / 2048.0;

static REGISTER: Once = Once::new();

/// The font at a height of `size` pixels.
pub fn font(size: f64, bold: bool) -> FontDesc<'static> {
    REGISTER.call_once(|| {
        let faces: [(FontStyle, &'static [u8]); 2] = [
            (FontStyle::Normal, include_bytes!("../fonts/DejaVuSans.ttf")),
            (
                FontStyle::Bold,
                include_bytes!("../fonts/DejaVuSans-Bold.ttf"),
            ),
        ];
        for (style, bytes) in faces {
            assert!(
                register_font(FAMILY, style, bytes).is_ok(),
                "the font that ships is a font"
            );
        }
    });
    let style = if bold {
        FontStyle::Bold
    } else {
        FontStyle::Normal
    };
    FontDesc::new(FontFamily::Name(FAMILY), size, style)
}

/// How wide `text` is when an em is `em` pixels.
pub fn width(text: &str, em: f64, bold: bool) -> f64 {
    // Measured large, because the answer is whole pixels.
    const SCALE: f64 = 8.0;
    let font = font(em * SCALE * HEIGHT_PER_EM, bold);
    let (width, _) = font.box_size(text).expect("the font is registered");
    f64::from(width) / SCALE
}

/// `text`, cut short with an ellipsis where it is wider than `room`; empty where not even that fits.
pub fn fitted(text: &str, em: f64, bold: bool, room: f64) -> String {
    if width(text, em, bold) <= room {
        return text.into();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let shorter = format!("{}…", kept.iter().collect::<String>().trim_end());
        if kept.len() >= 2 && width(&shorter, em, bold) <= room {
            return shorter;
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_to_the_room_there_is() {
        assert_eq!(fitted("tm-1", 12.0, false, 100.0), "tm-1");
        let cut = fitted("taskmanager-17.flink.svc", 12.0, false, 80.0);
        assert!(cut.ends_with('…') && width(&cut, 12.0, false) <= 80.0);
        assert_eq!(fitted("tm-1", 12.0, false, 3.0), "");
    }
}
