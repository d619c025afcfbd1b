//! Numbers in the columns of a table: one that is too wide for its column is shown in thousands,
//! millions or thousands of millions, so that the line does not get wider.

use core::fmt;

/// A number, or `-` for one that is not known. The width of the format is the column's: `{:>6}`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Short(pub Option<u32>);

/// The suffixes of numbers that are shown with three digits less, each after the other.
const UNITS: [&str; 4] = ["", "k", "M", "G"];

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(mut number) = self.0 else { return f.pad("-") };
        let width = f.width().unwrap_or(usize::MAX);
        let mut unit = 0;
        while digits(number) + UNITS[unit].len() > width && unit + 1 < UNITS.len() {
            number /= 1000;
            unit += 1;
        }
        let room = width.min(ROOM).saturating_sub(UNITS[unit].len());
        write!(
            f,
            "{number:>room$}{}",
            UNITS[unit],
            room = if f.width().is_some() { room } else { 0 }
        )
    }
}

/// No column is wider: ten digits, and some space.
const ROOM: usize = 20;

const fn digits(number: u32) -> usize {
    match number.checked_ilog10() {
        Some(exponent) => exponent as usize + 1,
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn a_number_never_leaves_its_column() {
        let table = [
            (0, "   0"),
            (9999, "9999"),
            (10_000, " 10k"),
            (999_999, "999k"),
            (1_000_000, "  1M"),
            (999_999_999, "999M"),
            (1_000_000_000, "  1G"),
            (u32::MAX, "  4G"),
        ];
        for (number, shown) in table {
            assert_eq!(format!("{:>4}", Short(Some(number))), shown);
        }
        for width in 4..12 {
            for number in (0..32).map(|bit| 1_u32 << bit).flat_map(|power| [power - 1, power]) {
                let text = format!("{:>width$}", Short(Some(number)));
                assert_eq!(text.len(), width, "{number} in {width}");
            }
        }
    }

    #[test]
    fn what_is_not_known_is_a_dash_and_without_a_column_all_digits_are_shown() {
        assert_eq!(format!("{:>4}|{}", Short(None), Short(None)), "   -|-");
        assert_eq!(format!("{}", Short(Some(u32::MAX))), "4294967295");
    }
}
