//! A picture as SVG.

use plotters::prelude::SVGBackend;

use super::paint::{SCALE, TextRule, paint};
use super::picture::{HEIGHT, Picture, WIDTH};

/// The backend divides sizes by 1.24 and puts the baseline 0.76 em below the point.
const RULE: TextRule = TextRule {
    size_per_em: 1.24,
    baseline_per_em: 0.76,
};

/// The document.
pub fn bytes(picture: &Picture) -> Vec<u8> {
    let size = ((WIDTH * SCALE) as u32, (HEIGHT * SCALE) as u32);
    let mut text = String::new();
    paint(picture, &mut SVGBackend::with_string(&mut text, size), RULE);

    // Drawn at twice the size, shown at once; and named for readers that cannot see it.
    let (large, rest) = text
        .split_once(">\n")
        .expect("the document begins with its root");
    let head = large
        .replacen(
            &format!("width=\"{}\"", size.0),
            &format!("width=\"{WIDTH}\""),
            1,
        )
        .replacen(
            &format!("height=\"{}\"", size.1),
            &format!("height=\"{HEIGHT}\""),
            1,
        );
    let title = picture
        .title
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!("{head} role=\"img\">\n<title>{title}</title>\n{rest}").into_bytes()
}
