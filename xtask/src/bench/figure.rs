//! A figure of a table: a number with at most two digits after the point.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A count of instructions, or one page's part of it. Shown with a comma at every thousand.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Figure(f64);

impl Figure {
    /// The number, rounded to two digits after the point.
    #[must_use]
    pub fn new(number: f64) -> Self {
        Self((number * 100.0).round() / 100.0)
    }

    /// The number as it is.
    #[must_use]
    pub const fn exact(number: f64) -> Self {
        Self(number)
    }

    /// As a number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl From<u32> for Figure {
    fn from(number: u32) -> Self {
        Self(number.into())
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
        let digits = whole.len();
        for (index, digit) in whole.chars().enumerate() {
            if index > 0
                && (digits - index).is_multiple_of(3)
                && whole.as_bytes()[index - 1] != b'-'
            {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        f.write_str(rest)
    }
}

/// A whole number is written without a point.
impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Figure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_off_by_commas() {
        let table = [
            (0.0, "0"),
            (70.0, "70"),
            (999.0, "999"),
            (1024.0, "1,024"),
            (10_330_000.0, "10,330,000"),
            (14_072.0 / 100.0, "140.72"),
            (1_234.5, "1,234.5"),
            (1.0 / 3.0, "0.33"),
        ];
        for (number, text) in table {
            assert_eq!(Figure::new(number).to_string(), text);
        }
    }

    #[test]
    fn json_has_whole_numbers_where_they_are_whole() {
        let figures = [Figure::from(284), Figure::new(32.0019)];
        assert_eq!(serde_json::to_string(&figures).unwrap(), "[284,32]");
        let figures = [Figure::new(406.6)];
        assert_eq!(serde_json::to_string(&figures).unwrap(), "[406.6]");
        let back: Vec<Figure> = serde_json::from_str("[284, 406.6]").unwrap();
        assert_eq!(back, [Figure::from(284), Figure::new(406.6)]);
    }
}
