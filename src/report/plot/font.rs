//! The one typeface of all plots, shipped with the program so that no system library is asked.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale, PxScaleFont, ScaleFont, point};

/// As SVG names it: readers without DejaVu fall back on faces of nearly the same widths.
pub const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

static REGULAR: LazyLock<FontRef<'static>> =
    LazyLock::new(|| face(include_bytes!("../fonts/DejaVuSans.ttf")));
static BOLD: LazyLock<FontRef<'static>> =
    LazyLock::new(|| face(include_bytes!("../fonts/DejaVuSans-Bold.ttf")));

fn face(bytes: &'static [u8]) -> FontRef<'static> {
    FontRef::try_from_slice(bytes).expect("the font that ships is a font")
}

fn scaled(em: f64, bold: bool) -> PxScaleFont<&'static FontRef<'static>> {
    let face: &'static FontRef<'static> = if bold { &BOLD } else { &REGULAR };
    let units_per_em = face
        .units_per_em()
        .expect("the font that ships knows its units");
    face.into_scaled(PxScale::from(
        em as f32 * face.height_unscaled() / units_per_em,
    ))
}

/// How wide `text` is when an em is `em` pixels.
pub fn width(text: &str, em: f64, bold: bool) -> f64 {
    let font = scaled(em, bold);
    let mut pen = 0.0;
    let mut before = None;
    for glyph in text.chars().map(|c| font.glyph_id(c)) {
        pen += before.map_or(0.0, |before| font.kern(before, glyph)) + font.h_advance(glyph);
        before = Some(glyph);
    }
    f64::from(pen)
}

/// Calls `dot` with every pixel that `text` touches and how much of it, its baseline beginning at `at`.
pub fn draw(text: &str, em: f64, bold: bool, at: (f64, f64), mut dot: impl FnMut(i32, i32, f32)) {
    let font = scaled(em, bold);
    let (mut pen, baseline) = (at.0 as f32, at.1.round() as f32);
    let mut before = None;
    for id in text.chars().map(|c| font.glyph_id(c)) {
        pen += before.map_or(0.0, |before| font.kern(before, id));
        let glyph = id.with_scale_and_position(font.scale(), point(pen, baseline));
        if let Some(outline) = font.outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, cover| {
                dot(
                    corner.x as i32 + x as i32,
                    corner.y as i32 + y as i32,
                    cover.min(1.0),
                );
            });
        }
        pen += font.h_advance(id);
        before = Some(id);
    }
}

/// `text`, cut short with an ellipsis where it is wider than `room`; empty where not even that fits.
pub fn fitted(text: &str, em: f64, bold: bool, room: f64) -> String {
    cut(text, em, bold, room, |kept| {
        format!("{}…", kept.iter().collect::<String>().trim_end())
    })
}

/// The same, but losing its beginning: what tells names apart is often their end.
pub fn fitted_tail(text: &str, em: f64, room: f64) -> String {
    let backwards: String = text.chars().rev().collect();
    let cut = cut(&backwards, em, false, room, |kept| {
        format!("{}…", kept.iter().collect::<String>())
    });
    cut.chars().rev().collect()
}

/// `text` in lines, broken between words or, where a word has no room, within it; what is too much for the last is cut off.
pub fn wrapped(text: &str, em: f64, room: f64, lines: usize) -> Vec<String> {
    let mut wrapped: Vec<String> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() && wrapped.len() + 1 < lines.max(1) {
        let fits = |end: &usize| width(&rest[..*end], em, false) <= room;
        let mut ends = rest.char_indices().map(|(at, c)| at + c.len_utf8());
        let most = ends.by_ref().take_while(fits).last().unwrap_or(rest.len());
        let between = rest[..most].rfind(' ').filter(|_| most < rest.len());
        let end = between.map_or(most, |at| at + 1);
        wrapped.push(rest[..end].trim_end().to_owned());
        rest = &rest[end..];
    }
    if !rest.is_empty() {
        wrapped.push(fitted(rest, em, false, room));
    }
    wrapped
}

fn cut(text: &str, em: f64, bold: bool, room: f64, ended: impl Fn(&[char]) -> String) -> String {
    if width(text, em, bold) <= room {
        return text.into();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() && kept.len() >= 2 {
        let shorter = ended(&kept);
        if width(&shorter, em, bold) <= room {
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
        let tail = fitted_tail("taskmanager-17", 12.0, 60.0);
        assert!(tail.starts_with('…') && tail.ends_with("-17"), "{tail}");
        assert_eq!(fitted("tm-1", 12.0, false, 3.0), "");
    }

    #[test]
    fn text_is_wrapped_between_words_and_within_one_that_is_too_long() {
        let name = "interval=10 s, policy=least-loaded, a-word-without-an-end-in-sight";
        let lines = wrapped(name, 12.0, 120.0, 9);
        assert!(lines.len() > 3 && lines[0].ends_with("s,"), "{lines:?}");
        assert!(
            lines.iter().all(|line| width(line, 12.0, false) <= 120.0),
            "{lines:?}"
        );
        assert_eq!(lines.concat().replace(' ', ""), name.replace(' ', ""));
        let two = wrapped(name, 12.0, 120.0, 2);
        assert!(two.len() == 2 && two[1].ends_with('…'), "{two:?}");
        assert_eq!(wrapped("tm-1", 12.0, 120.0, 1), ["tm-1"]);
    }
}
