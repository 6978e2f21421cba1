//! Colours, safe for the colour-blind: Paul Tol's "muted" for phases, Okabe and Ito's for operators.

/// A colour and how much of what lies beneath it hides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colour {
    pub rgb: (u8, u8, u8),
    pub alpha: f64,
}

const fn rgb(hex: u32) -> Colour {
    Colour {
        rgb: ((hex >> 16) as u8, (hex >> 8) as u8, hex as u8),
        alpha: 1.0,
    }
}

pub const WHITE: Colour = rgb(0xff_ff_ff);
pub const INK: Colour = rgb(0x22_22_22);
pub const SOFT_INK: Colour = rgb(0x59_59_59);
pub const GRID: Colour = rgb(0xdd_dd_dd);
pub const LANE: Colour = rgb(0xf5_f5_f5);
/// What a fault does, and where an attempt failed.
pub const FAULT: Colour = rgb(0xb3_00_1b);
pub const FAULT_SHADE: Colour = rgb(0xcf_cf_cf);

/// A TaskManager with tasks on it, and one whose tasks do not run yet.
pub const RUNNING: Colour = rgb(0x00_72_b2);
pub const DEPLOYING: Colour = rgb(0xe6_9f_00);

/// p50, p99 and max; total and furthest partition.
pub const LINES: [Colour; 3] = [rgb(0x00_72_b2), rgb(0xd5_5e_00), rgb(0x88_88_88)];

/// In the order of the phases.
const PHASES: [Colour; 9] = [
    rgb(0xdd_cc_77),
    rgb(0x33_22_88),
    rgb(0x88_22_55),
    rgb(0x99_99_33),
    rgb(0xaa_44_99),
    rgb(0x88_cc_ee),
    rgb(0x11_77_33),
    rgb(0xcc_66_77),
    rgb(0x44_aa_99),
];

const OPERATORS: [Colour; 8] = [
    rgb(0x56_b4_e9),
    rgb(0xe6_9f_00),
    rgb(0x00_9e_73),
    rgb(0xcc_79_a7),
    rgb(0x00_72_b2),
    rgb(0xf0_e4_42),
    rgb(0xd5_5e_00),
    rgb(0x99_99_99),
];

/// The colour of a phase by its place in the order of phases.
pub fn phase(index: usize) -> Colour {
    PHASES[index]
}

/// The colour of an operator by its place in the order of the job; they repeat after eight.
pub fn operator(index: usize) -> Colour {
    OPERATORS[index % OPERATORS.len()]
}

impl Colour {
    /// The same colour, letting more through.
    pub fn with_alpha(self, alpha: f64) -> Colour {
        Colour { alpha, ..self }
    }

    /// Black or white, whichever reads better on this colour.
    pub fn ink(self) -> Colour {
        let (r, g, b) = self.rgb;
        let luma = 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b);
        if luma > 128.0 { INK } else { WHITE }
    }
}
