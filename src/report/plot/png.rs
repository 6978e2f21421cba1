//! A picture as PNG: drawn at twice the size and averaged, which makes every edge smooth.

use plotters::prelude::{BitMapBackend, Color, DrawingBackend};

use super::font;
use super::paint::{Hand, SCALE, paint, rgba};
use super::palette::Colour;
use super::picture::{HEIGHT, Picture, Text, WIDTH};

/// The file.
pub fn bytes(picture: &Picture) -> Vec<u8> {
    let (width, height) = ((WIDTH * SCALE) as usize, (HEIGHT * SCALE) as usize);
    let mut large = vec![255; width * height * 3];
    paint::<_, PngHand>(
        picture,
        &mut BitMapBackend::with_buffer(&mut large, (width as u32, height as u32)),
    );
    encoded(&halved(&large, width, height), width / 2, height / 2)
}

struct PngHand;

/// The backend's own lines are thinner the steeper they are, and its texts lose the space before each letter.
impl<'a> Hand<BitMapBackend<'a>> for PngHand {
    fn line(
        backend: &mut BitMapBackend<'a>,
        points: &[(i32, i32)],
        colour: Colour,
        width: f64,
    ) -> bool {
        points
            .windows(2)
            .all(|ends| segment(backend, ends[0], ends[1], colour, width / 2.0))
    }

    fn text(backend: &mut BitMapBackend<'a>, text: &Text) -> bool {
        let ((left, _), _) = text.bounds();
        let at = (left * SCALE, text.at.1 * SCALE);
        let mut drawn = true;
        font::draw(
            &text.text,
            text.size * SCALE,
            text.bold,
            at,
            |x, y, cover| {
                drawn &= dot(backend, (x, y), text.colour, f64::from(cover));
            },
        );
        drawn
    }
}

/// Colours each pixel near the segment by how much of it lies within `reach`.
fn segment(
    backend: &mut BitMapBackend<'_>,
    from: (i32, i32),
    to: (i32, i32),
    colour: Colour,
    reach: f64,
) -> bool {
    let (dx, dy) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
    let length_squared = dx * dx + dy * dy;
    let margin = reach.ceil() as i32 + 1;
    let mut drawn = true;
    for y in from.1.min(to.1) - margin..=from.1.max(to.1) + margin {
        for x in from.0.min(to.0) - margin..=from.0.max(to.0) + margin {
            let (px, py) = (f64::from(x - from.0), f64::from(y - from.1));
            let along = ((px * dx + py * dy) / length_squared).clamp(0.0, 1.0);
            let (ox, oy) = (px - along * dx, py - along * dy);
            let cover = (reach + 0.5 - (ox * ox + oy * oy).sqrt()).clamp(0.0, 1.0);
            if cover > 0.0 {
                drawn &= dot(backend, (x, y), colour, cover);
            }
        }
    }
    drawn
}

/// Colours one pixel, as far as it is covered.
fn dot(backend: &mut BitMapBackend<'_>, at: (i32, i32), colour: Colour, cover: f64) -> bool {
    let (width, height) = backend.get_size();
    let inside = (0..width as i32).contains(&at.0) && (0..height as i32).contains(&at.1);
    let colour = rgba(colour.with_alpha(colour.alpha * cover));
    !inside || backend.draw_pixel(at, colour.to_backend_color()).is_ok()
}

/// Each pixel the mean of the four that it stands for.
fn halved(large: &[u8], width: usize, height: usize) -> Vec<u8> {
    assert!(width.is_multiple_of(2) && large.len() == width * height * 3);
    let mut small = Vec::with_capacity(large.len() / 4);
    for rows in large.chunks_exact(2 * width * 3) {
        let (upper, lower) = rows.split_at(width * 3);
        for (above, below) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            for i in 0..3 {
                let sum = [above[i], above[i + 3], below[i], below[i + 3]].map(u16::from);
                small.push(((sum.iter().sum::<u16>() + 2) / 4) as u8);
            }
        }
    }
    small
}

fn encoded(pixels: &[u8], width: usize, height: usize) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(pixels))
        .expect("writing to memory cannot fail");
    file
}
