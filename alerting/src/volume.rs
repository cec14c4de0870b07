//! The average volume of the sessions before a trading day.

use chrono::NaiveDate;
use entity::Split;

/// The fewest sessions that must have a volume.
const MIN_VOLUMES: u32 = 5;

/// The average volume of the last [`SESSIONS`](Self::SESSIONS) sessions, of which at least 5 have
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AverageVolume {
    /// The sum of the volumes, in units of the sample's shares. Positive.
    pub sum: i128,
    /// The number of sessions with a volume. Positive.
    pub sessions: u32,
}

impl AverageVolume {
    /// The number of sessions that are averaged.
    pub const SESSIONS: u32 = 20;

    /// Averages the volumes of the last of `sessions`, oldest first, in the shares of `day`. `None`
    /// if fewer than 5 of them have a volume, or if all volumes are 0.
    pub fn of<I>(sessions: I, splits: &[Split], day: NaiveDate) -> Option<Self>
    where
        I: IntoIterator<Item = (NaiveDate, Option<i64>)>,
        I::IntoIter: DoubleEndedIterator,
    {
        let newest = sessions.into_iter().rev().take(Self::SESSIONS as usize);
        let volumes = newest.filter_map(|(of, volume)| Some((of, volume?)));
        let (sum, sessions) = volumes.fold((0_i128, 0), |(sum, count), (of, volume)| {
            (
                sum.saturating_add(converted(volume, splits, of, day)),
                count + 1,
            )
        });
        (sessions >= MIN_VOLUMES && sum > 0).then_some(Self { sum, sessions })
    }
}

/// Converts a volume of the day `from` to the shares of the day `to`.
fn converted(volume: i64, splits: &[Split], from: NaiveDate, to: NaiveDate) -> i128 {
    let volume = i128::from(volume);
    match Split::between(splits, from, to) {
        Some(ratio) => volume.saturating_mul(ratio.numerator()) / ratio.denominator(),
        None => volume,
    }
}

#[cfg(test)]
mod tests {
    use chrono::Days;
    use entity::Ratio;

    use super::*;

    /// The average volume on day 30 of sessions that begin on day 0.
    fn average(volumes: &[Option<i64>], splits: &[Split]) -> Option<(i128, u32)> {
        let first = NaiveDate::default();
        let days = first.iter_days().zip(volumes.iter().copied());
        let days: Vec<_> = days.collect();
        AverageVolume::of(days, splits, first + Days::new(30)).map(|it| (it.sum, it.sessions))
    }

    #[test]
    fn the_last_20_sessions_count_if_5_have_a_volume() {
        assert_eq!(average(&[Some(1); 4], &[]), None);
        assert_eq!(average(&[Some(0); 9], &[]), None);
        assert_eq!(average(&[Some(1); 5], &[]), Some((5, 5)));
        let mut many = vec![Some(100)];
        many.extend([Some(1); 4]);
        many.extend([None; 15]);
        many.push(Some(7));
        assert_eq!(average(&many, &[]), Some((11, 5)));
    }

    #[test]
    fn splits_multiply_earlier_volumes() {
        let split = Split {
            effective_on: NaiveDate::default() + Days::new(2),
            ratio: Ratio::new(3, 2).expect("a ratio"),
        };
        assert_eq!(average(&[Some(11); 5], &[split]), Some((16 + 16 + 33, 5)));
    }
}
