//! Draws a picture with any of plotters' backends.

use plotters::prelude::{Color, DrawingBackend, RGBAColor, ShapeStyle, TextStyle};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::font;
use super::palette::Colour;
use super::picture::{Anchor, Picture, Point, Shape, Text};

/// Both backends take whole coordinates, so all is drawn at twice the size: finer lines in SVG, smooth edges in PNG.
pub const SCALE: f64 = 2.0;

/// How a backend takes the size of a font and the place of a text: they differ.
#[derive(Clone, Copy)]
pub struct TextRule {
    /// What is asked of the backend per em.
    pub size_per_em: f64,
    /// How far below the given point the baseline comes out, per em.
    pub baseline_per_em: f64,
}

/// Draws all shapes; `backend` is [`SCALE`] times as large as the picture.
pub fn paint<B: DrawingBackend>(picture: &Picture, backend: &mut B, rule: TextRule) {
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
            Shape::Text(text) => draw_text(text, backend, rule),
        };
        assert!(drawn, "drawing in memory cannot fail");
    }
    assert!(backend.present().is_ok(), "drawing in memory cannot fail");
}

fn draw_text<B: DrawingBackend>(text: &Text, backend: &mut B, rule: TextRule) -> bool {
    let h_pos = match text.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let em = text.size * SCALE;
    let style = TextStyle {
        font: font::font(em * rule.size_per_em, text.bold),
        color: rgba(text.colour).to_backend_color(),
        pos: Pos::new(h_pos, VPos::Top),
    };
    let baseline = text.at.1 * SCALE - em * rule.baseline_per_em;
    let at = ((text.at.0 * SCALE).round() as i32, baseline.round() as i32);
    backend.draw_text(&text.text, &style, at).is_ok()
}

fn scaled((x, y): Point) -> (i32, i32) {
    assert!(x.is_finite() && y.is_finite(), "a shape has a place");
    ((x * SCALE).round() as i32, (y * SCALE).round() as i32)
}

fn rgba(colour: Colour) -> RGBAColor {
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
