//! Draws a picture with any of plotters' backends.

use plotters::prelude::{DrawingBackend, RGBAColor};

use super::palette::Colour;
use super::picture::{Picture, Point, Shape, Text};

/// Both backends take whole coordinates, so all is drawn at twice the size: finer lines in SVG, smooth edges in PNG.
pub const SCALE: f64 = 2.0;

/// What backends do too differently, or too badly, to be left to them; in their own coordinates.
pub trait Hand<B> {
    /// Draws a line through at least two points, no two neighbours the same; true if that worked.
    fn line(backend: &mut B, points: &[(i32, i32)], colour: Colour, width: f64) -> bool;

    /// Draws a text; true if that worked.
    fn text(backend: &mut B, text: &Text) -> bool;
}

/// Draws all shapes; `backend` is [`SCALE`] times as large as the picture.
pub fn paint<B: DrawingBackend, H: Hand<B>>(picture: &Picture, backend: &mut B) {
    for shape in &picture.shapes {
        let drawn = match shape {
            Shape::Rect { from, to, colour } => {
                let (from, to) = (scaled(*from), scaled(*to));
                // What is too thin for a pixel is still there.
                let to = (to.0.max(from.0 + 1), to.1.max(from.1 + 1));
                backend.draw_rect(from, to, &rgba(*colour), true).is_ok()
            }
            Shape::Line {
                points,
                colour,
                width,
            } => {
                let mut points: Vec<_> = points.iter().map(|point| scaled(*point)).collect();
                points.dedup();
                if points.len() < 2 {
                    continue;
                }
                H::line(backend, &points, *colour, width * SCALE)
            }
            Shape::Text(text) => H::text(backend, text),
        };
        assert!(drawn, "drawing in memory cannot fail");
    }
    assert!(backend.present().is_ok(), "drawing in memory cannot fail");
}

fn scaled((x, y): Point) -> (i32, i32) {
    assert!(x.is_finite() && y.is_finite(), "a shape has a place");
    ((x * SCALE).round() as i32, (y * SCALE).round() as i32)
}

/// The colour as plotters has it.
pub fn rgba(colour: Colour) -> RGBAColor {
    let (r, g, b) = colour.rgb;
    RGBAColor(r, g, b, colour.alpha)
}
