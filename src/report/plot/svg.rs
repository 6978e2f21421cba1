//! A picture as SVG.

use plotters::prelude::{Color, DrawingBackend, SVGBackend, ShapeStyle, TextStyle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, FontFamily, FontStyle};

use super::font::FAMILY;
use super::paint::{Hand, SCALE, paint, rgba};
use super::palette::Colour;
use super::picture::{Anchor, HEIGHT, Picture, Text, WIDTH};

/// The backend divides the size of a font by this, and puts the baseline so many em below the point.
const SIZE_PER_EM: f64 = 1.24;
const BASELINE_PER_EM: f64 = 0.76;

/// The document.
pub fn bytes(picture: &Picture) -> Vec<u8> {
    let size = ((WIDTH * SCALE) as u32, (HEIGHT * SCALE) as u32);
    let mut text = String::new();
    paint::<_, SvgHand>(picture, &mut SVGBackend::with_string(&mut text, size));

    // Drawn at twice the size, shown at once; and named for readers that cannot see it.
    let (large, rest) = text
        .split_once(">\n")
        .expect("the document begins with its root");
    let large_size = format!("width=\"{}\" height=\"{}\"", size.0, size.1);
    let head = large.replacen(
        &large_size,
        &format!("width=\"{WIDTH}\" height=\"{HEIGHT}\""),
        1,
    );
    let title = picture
        .title
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!("{head} role=\"img\">\n<title>{title}</title>\n{rest}").into_bytes()
}

struct SvgHand;

impl<'a> Hand<SVGBackend<'a>> for SvgHand {
    fn line(
        backend: &mut SVGBackend<'a>,
        points: &[(i32, i32)],
        colour: Colour,
        width: f64,
    ) -> bool {
        let style = ShapeStyle {
            color: rgba(colour),
            filled: false,
            stroke_width: width.round().max(1.0) as u32,
        };
        backend.draw_path(points.iter().copied(), &style).is_ok()
    }

    fn text(backend: &mut SVGBackend<'a>, text: &Text) -> bool {
        let h_pos = match text.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let em = text.size * SCALE;
        let weight = if text.bold {
            FontStyle::Bold
        } else {
            FontStyle::Normal
        };
        let style = TextStyle {
            font: FontDesc::new(FontFamily::Name(FAMILY), em * SIZE_PER_EM, weight),
            color: rgba(text.colour).to_backend_color(),
            pos: Pos::new(h_pos, VPos::Top),
        };
        let top = text.at.1 * SCALE - em * BASELINE_PER_EM;
        let at = ((text.at.0 * SCALE).round() as i32, top.round() as i32);
        backend.draw_text(&text.text, &style, at).is_ok()
    }
}
