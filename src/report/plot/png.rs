//! A picture as PNG: drawn at twice the size and averaged, which makes every edge smooth.

use plotters::prelude::{BitMapBackend, Color, DrawingBackend};

use super::font;
use super::paint::{SCALE, paint, rgba};
use super::picture::{HEIGHT, Picture, Text, WIDTH};

/// The file.
pub fn bytes(picture: &Picture) -> Vec<u8> {
    let (width, height) = ((WIDTH * SCALE) as usize, (HEIGHT * SCALE) as usize);
    let mut large = vec![255; width * height * 3];
    paint(
        picture,
        &mut BitMapBackend::with_buffer(&mut large, (width as u32, height as u32)),
        draw_text,
    );
    encoded(&halved(&large, width, height), width / 2, height / 2)
}

/// The backend's own text loses the space before each letter.
fn draw_text(text: &Text, backend: &mut BitMapBackend<'_>) -> bool {
    let ((left, _), _) = text.bounds();
    let at = (left * SCALE, text.at.1 * SCALE);
    let (width, height) = backend.get_size();
    let mut drawn = true;
    font::draw(
        &text.text,
        text.size * SCALE,
        text.bold,
        at,
        |x, y, cover| {
            if x >= 0 && y >= 0 && (x as u32) < width && (y as u32) < height {
                let colour = rgba(text.colour.with_alpha(text.colour.alpha * f64::from(cover)));
                drawn &= backend
                    .draw_pixel((x, y), colour.to_backend_color())
                    .is_ok();
            }
        },
    );
    drawn
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
