//! A picture as PNG: drawn at twice the size and averaged, which makes every edge smooth.

use plotters::prelude::BitMapBackend;

use super::font::HEIGHT_PER_EM;
use super::paint::{SCALE, TextRule, paint};
use super::picture::{HEIGHT, Picture, WIDTH};

/// The backend takes the height of the whole font as its size and puts the baseline half of that below the point.
const RULE: TextRule = TextRule {
    size_per_em: HEIGHT_PER_EM,
    baseline_per_em: HEIGHT_PER_EM / 2.0,
};

/// The file.
pub fn bytes(picture: &Picture) -> Vec<u8> {
    let (width, height) = ((WIDTH * SCALE) as usize, (HEIGHT * SCALE) as usize);
    let mut large = vec![255; width * height * 3];
    paint(
        picture,
        &mut BitMapBackend::with_buffer(&mut large, (width as u32, height as u32)),
        RULE,
    );
    encoded(&halved(&large, width, height), width / 2, height / 2)
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
