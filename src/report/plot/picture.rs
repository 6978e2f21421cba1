//! A plot as plain shapes, composed once and drawn by either backend.

use super::font;
use super::palette::{Colour, WHITE};

/// Every picture's size: 16 to 9, as slides are.
pub const WIDTH: f64 = 1200.0;
pub const HEIGHT: f64 = 675.0;

/// A point, in pixels from the upper left corner.
pub type Point = (f64, f64);

#[derive(Clone, Debug)]
pub enum Shape {
    /// Filled, between two opposite corners.
    Rect {
        from: Point,
        to: Point,
        colour: Colour,
    },
    /// Through all points.
    Line {
        points: Vec<Point>,
        colour: Colour,
        width: f64,
    },
    Text(Text),
}

/// One line of text.
#[derive(Clone, Debug)]
pub struct Text {
    pub text: String,
    /// Where the baseline begins, is centred or ends.
    pub at: Point,
    pub anchor: Anchor,
    /// Pixels per em.
    pub size: f64,
    pub bold: bool,
    pub colour: Colour,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// Shapes, the later ones above the earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// For readers that cannot see it.
    pub title: String,
    pub shapes: Vec<Shape>,
}

impl Text {
    /// From the upper left to the lower right corner of the space that it takes.
    pub fn bounds(&self) -> (Point, Point) {
        let width = font::width(&self.text, self.size, self.bold);
        let left = match self.anchor {
            Anchor::Start => self.at.0,
            Anchor::Middle => self.at.0 - width / 2.0,
            Anchor::End => self.at.0 - width,
        };
        (
            (left, self.at.1 - 0.76 * self.size),
            (left + width, self.at.1 + 0.24 * self.size),
        )
    }
}

impl Picture {
    pub fn new(title: String) -> Picture {
        let mut picture = Picture {
            title,
            shapes: Vec::new(),
        };
        picture.rect((0.0, 0.0), (WIDTH, HEIGHT), WHITE);
        picture
    }

    pub fn rect(&mut self, from: Point, to: Point, colour: Colour) {
        self.shapes.push(Shape::Rect { from, to, colour });
    }

    pub fn line(&mut self, points: Vec<Point>, colour: Colour, width: f64) {
        self.shapes.push(Shape::Line {
            points,
            colour,
            width,
        });
    }

    /// The outline of a rectangle, within it.
    pub fn outline(&mut self, from: Point, to: Point, colour: Colour, width: f64) {
        self.rect(from, (to.0, from.1 + width), colour);
        self.rect((from.0, to.1 - width), to, colour);
        self.rect(from, (from.0 + width, to.1), colour);
        self.rect((to.0 - width, from.1), to, colour);
    }

    /// A dashed vertical.
    pub fn dashed(&mut self, x: f64, from_y: f64, to_y: f64, colour: Colour) {
        let mut y = from_y;
        while y < to_y {
            self.rect((x - 0.75, y), (x + 0.75, (y + 6.0).min(to_y)), colour);
            y += 10.0;
        }
    }

    /// A small cross.
    pub fn cross(&mut self, centre: Point, reach: f64, colour: Colour, width: f64) {
        let (x, y) = centre;
        self.line(
            vec![(x - reach, y - reach), (x + reach, y + reach)],
            colour,
            width,
        );
        self.line(
            vec![(x - reach, y + reach), (x + reach, y - reach)],
            colour,
            width,
        );
    }

    pub fn text(
        &mut self,
        text: impl Into<String>,
        at: Point,
        anchor: Anchor,
        size: f64,
        colour: Colour,
    ) {
        self.push_text(text.into(), at, anchor, size, false, colour);
    }

    pub fn bold(
        &mut self,
        text: impl Into<String>,
        at: Point,
        anchor: Anchor,
        size: f64,
        colour: Colour,
    ) {
        self.push_text(text.into(), at, anchor, size, true, colour);
    }

    fn push_text(
        &mut self,
        text: String,
        at: Point,
        anchor: Anchor,
        size: f64,
        bold: bool,
        colour: Colour,
    ) {
        if !text.is_empty() {
            self.shapes.push(Shape::Text(Text {
                text,
                at,
                anchor,
                size,
                bold,
                colour,
            }));
        }
    }
}
