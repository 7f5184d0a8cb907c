//! The coefficients that are kept of a component, and the samples that follow from them.

use super::segments::{Component, Frame};

/// The coefficients of one component that are kept.
pub(super) struct Plane {
    /// Number of blocks per row and per column, padded to whole MCUs.
    pub(super) across: usize,
    pub(super) down: usize,
    /// Number of blocks per row and per column in a scan of this component alone (not interleaved).
    pub(super) unpadded: (usize, usize),
    pub(super) dc: Vec<i16>,
    /// The horizontal, vertical and diagonal neighbour of each DC coefficient; empty if only DC
    /// coefficients are kept.
    pub(super) ac: Vec<[i16; 3]>,
    /// The first entries of its quantization table, once a scan of it has begun.
    pub(super) quantization: Option<[u16; 5]>,
    /// Low bits of its DC coefficients that are still missing; `None` before its first scan.
    pub(super) low_bits: Option<u8>,
}

impl Plane {
    /// One empty plane per component.
    pub(super) fn all(frame: &Frame, keeps_ac: impl Fn(&Component) -> bool) -> Vec<Plane> {
        let (h_max, v_max) = frame.max_factors();
        let (width, height) = (usize::from(frame.width), usize::from(frame.height));
        let mcus = |side: usize, factor: u8| side.div_ceil(8 * usize::from(factor));
        let planes = frame.components.iter().map(|component| {
            let (h, v) = (usize::from(component.h), usize::from(component.v));
            let (across, down) = (mcus(width, h_max) * h, mcus(height, v_max) * v);
            let unpadded = (
                (width * h).div_ceil(8 * usize::from(h_max)),
                (height * v).div_ceil(8 * usize::from(v_max)),
            );
            let ac = if keeps_ac(component) { vec![[0; 3]; across * down] } else { Vec::new() };
            let dc = vec![0; across * down];
            Plane { across, down, unpadded, dc, ac, quantization: None, low_bits: None }
        });
        planes.collect()
    }
}

/// Scale of a DCT coefficient: a DC coefficient is eight times the mean of its block.
const EIGHTH: f32 = 0.125;

impl Plane {
    /// Whether no further scan can contain DC coefficients of this component.
    pub(super) fn is_complete(&self, frame: &Frame) -> bool {
        self.low_bits.is_some_and(|bits| bits == 0 || !frame.is_progressive)
    }

    /// Computes `height` rows of `width` samples: one per block, or two by two if AC coefficients
    /// were kept.
    pub(super) fn samples(&self, width: usize, height: usize) -> Vec<u8> {
        let [q_dc, q_x, q_y, _, q_both] = self.quantization.unwrap_or([1; 5]).map(f32::from);
        let scaled = |coefficient: i16, q: f32| f32::from(coefficient) * q * EIGHTH;
        let mut samples = Vec::with_capacity(width * height);
        if self.ac.is_empty() {
            for row in self.dc.chunks_exact(self.across).take(height) {
                samples.extend(row.iter().take(width).map(|&dc| level(scaled(dc, q_dc))));
            }
            return samples;
        }
        for y in 0..height {
            let down = if y % 2 == 0 { 1.0 } else { -1.0 };
            for x in 0..width {
                let at = y / 2 * self.across + x / 2;
                let right = if x % 2 == 0 { 1.0 } else { -1.0 };
                let [ac_x, ac_y, ac_both] = self.ac[at];
                let mean = scaled(self.dc[at], q_dc);
                let across = scaled(ac_x, q_x) + down * scaled(ac_both, q_both);
                samples.push(level(mean + right * across + down * scaled(ac_y, q_y)));
            }
        }
        samples
    }
}

/// A sample value from one that is centred on zero.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
fn level(centred: f32) -> u8 {
    (centred + 128.5) as u8
}
