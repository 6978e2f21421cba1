//! Draws a picture with any of plotters' backends.

use plotters::prelude::{DrawingBackend, RGBAColor, ShapeStyle};

use super::palette::Colour;
use super::picture::{Picture, Point, Shape, Text};

/// Both backends take whole coordinates, so all is drawn at twice the size: finer lines in SVG, smooth edges in PNG.
pub const SCALE: f64 = 2.0;

/// Draws all shapes; `backend` is [`SCALE`] times as large as the picture. Backends differ most in text, so the
/// caller says how that is drawn.
pub fn paint<B: DrawingBackend>(
    picture: &Picture,
    backend: &mut B,
    draw_text: impl Fn(&Text, &mut B) -> bool,
) {
    for shape in &picture.shapes {
        let drawn = match shape {
            Shape::Rect { from, to, colour } => {
                let (from, to) = (scaled(*from), scaled(*to));
                // What is too thin for a pixel is still there.
                let to = (to.0.max(from.0 + 1), to.1.max(from.1 + 1));
                backend
                    .draw_rect(from, to, &style(*colour, 1), true)
                    .is_ok()
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
                let width = (width * SCALE).round().max(1.0) as u32;
                backend.draw_path(points, &style(*colour, width)).is_ok()
            }
            Shape::Text(text) => draw_text(text, backend),
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

fn style(colour: Colour, stroke_width: u32) -> ShapeStyle {
    ShapeStyle {
        color: rgba(colour),
        filled: true,
        stroke_width,
    }
}
