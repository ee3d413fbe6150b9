//! When a schedule is met, in its time zone.

use croner::Cron as Pattern;
use croner::parser::CronParser;
use eddyline_engine::ids::Timestamp;
use jiff::tz::TimeZone;

use crate::error::Error;

/// How much text a schedule may be, in bytes.
const LENGTH: usize = 256;

/// A schedule that was understood.
///
/// A time of day that a clock which is set forward leaves out is met when the clock goes on. One that a clock which is
/// set back shows twice is met once; a pattern that names no hour, such as `*/15 * * * *`, goes on through both.
#[derive(Debug)]
pub(crate) struct Schedule {
    pattern: Pattern,
    zone: TimeZone,
    text: String,
}

impl Schedule {
    /// Fails with [`Error::Invalid`] when one or the other is none.
    pub(crate) fn new(schedule: &str, timezone: Option<&str>) -> Result<Self, Error> {
        let wrong = |why: &str| Error::invalid(format!("`schedule`: {why}: `{schedule}`"));
        if schedule.len() > LENGTH {
            return Err(Error::invalid(format!("`schedule`: has more than {LENGTH} bytes")));
        }
        let parser = CronParser::builder().sloppy_ranges(true).build();
        let pattern = parser.parse(&seconds_first(schedule)).map_err(|error| wrong(&error.to_string()))?;
        Ok(Self { pattern, zone: zone(timezone)?, text: schedule.to_owned() })
    }

    /// When it is met next after a moment; `None` when it never is again.
    pub(crate) fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        let moment = jiff::Timestamp::from_microsecond(moment.0).ok()?.to_zoned(self.zone.clone());
        let next = self.pattern.find_next_occurrence(&moment, false).ok()?;
        Some(Timestamp(next.timestamp().as_microsecond()))
    }

    /// The same; fails with [`Error::Invalid`] when it is never met.
    pub(crate) fn first(&self, now: Timestamp) -> Result<Timestamp, Error> {
        self.after(now).ok_or_else(|| Error::invalid(format!("`schedule`: is never met: `{}`", self.text)))
    }
}

fn zone(name: Option<&str>) -> Result<TimeZone, Error> {
    let Some(name) = name else { return Ok(TimeZone::UTC) };
    TimeZone::get(name).map_err(|_| Error::invalid(format!("`timezone`: is no IANA time zone: `{name}`")))
}

/// Clients write seconds and years behind the five fields that everybody knows, and the library reads seconds first.
fn seconds_first(schedule: &str) -> String {
    if schedule.trim().eq_ignore_ascii_case("@midnight") {
        return "@daily".to_owned();
    }
    let mut fields: Vec<&str> = schedule.split_whitespace().collect();
    if fields.len() > 5 {
        fields[..6].rotate_right(1);
    }
    fields.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(time: &str) -> Timestamp {
        Timestamp(time.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    /// Checks the times of a schedule that follow `after`.
    #[track_caller]
    fn check(schedule: &str, timezone: &str, after: &str, expected: &[&str]) {
        let times = Schedule::new(schedule, Some(timezone)).unwrap();
        let mut moment = micros(after);
        for expected in expected {
            moment = times.after(moment).unwrap();
            assert_eq!(moment.to_rfc3339(), micros(expected).to_rfc3339(), "{schedule} in {timezone}");
        }
    }

    #[test]
    fn schedules_are_met() {
        let begin = "2026-11-20T10:07:30.5Z"; // A Friday.
        for (schedule, first, second) in [
            ("* * * * *", "2026-11-20T10:08:00Z", "2026-11-20T10:09:00Z"),
            ("*/15 * * * *", "2026-11-20T10:15:00Z", "2026-11-20T10:30:00Z"),
            ("5/20 * * * *", "2026-11-20T10:25:00Z", "2026-11-20T10:45:00Z"),
            ("0 9,17 * * 1-5", "2026-11-20T17:00:00Z", "2026-11-23T09:00:00Z"),
            ("0 9 * * sat,SUN", "2026-11-21T09:00:00Z", "2026-11-22T09:00:00Z"),
            ("0 0 * * 7", "2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z"),
            ("0 0 1 jan *", "2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),
            ("0 0 29 2 *", "2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"),
            ("0 0 l * *", "2026-11-30T00:00:00Z", "2026-12-31T00:00:00Z"),
            ("0 0 * * mon#1", "2026-12-07T00:00:00Z", "2027-01-04T00:00:00Z"),
            // A day and a weekday: on both.
            ("0 0 25 * mon", "2026-11-23T00:00:00Z", "2026-11-25T00:00:00Z"),
            // Seconds and years come last.
            ("* * * * * 15,45", "2026-11-20T10:07:45Z", "2026-11-20T10:08:15Z"),
            ("30 4 1 1 * 10 2030-2031", "2030-01-01T04:30:10Z", "2031-01-01T04:30:10Z"),
            ("@hourly", "2026-11-20T11:00:00Z", "2026-11-20T12:00:00Z"),
            ("@midnight", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"),
            ("@weekly", "2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z"),
            ("@monthly", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("@yearly", "2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),
        ] {
            check(schedule, "UTC", begin, &[first, second]);
        }
    }

    #[test]
    fn times_are_those_of_the_zone() {
        let begin = "2026-11-20T10:00:00Z";
        for (timezone, first) in [
            ("Europe/Berlin", "2026-11-21T08:00:00Z"),
            ("america/new_york", "2026-11-20T14:00:00Z"),
            ("Asia/Kathmandu", "2026-11-21T03:15:00Z"),
            ("UTC", "2026-11-21T09:00:00Z"),
        ] {
            check("0 9 * * *", timezone, begin, &[first]);
        }
    }

    #[test]
    fn clocks_are_set_forward() {
        // In Berlin, 02:00 to 03:00 of 2027-03-28 do not exist.
        let before = "2027-03-27T12:00:00Z";
        check("30 2 * * *", "Europe/Berlin", before, &["2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"]);
        check("30 3 * * *", "Europe/Berlin", before, &["2027-03-28T01:30:00Z", "2027-03-29T01:30:00Z"]);
        let before = "2027-03-28T00:45:00Z";
        check("*/30 * * * *", "Europe/Berlin", before, &["2027-03-28T01:00:00Z", "2027-03-28T01:30:00Z"]);
    }

    #[test]
    fn clocks_are_set_back() {
        // In New York, 01:00 to 02:00 of 2026-11-01 come twice.
        let before = "2026-10-31T12:00:00Z";
        check("30 1 * * *", "America/New_York", before, &["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]);
        let before = "2026-11-01T05:15:00Z";
        let each = ["2026-11-01T05:30:00Z", "2026-11-01T06:00:00Z", "2026-11-01T06:30:00Z"];
        check("*/30 * * * *", "America/New_York", before, &each);
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        let long = "0,".repeat(LENGTH);
        for schedule in
            ["", "x", "* * * *", "60 * * * *", "* * * * * * * *", "@never", "1-x * * * *", "H * * * *", &long]
        {
            assert_eq!(Schedule::new(schedule, None).unwrap_err().code(), "INVALID_REQUEST", "{schedule}");
        }
        assert!(Schedule::new("* * * * *", Some("Mars/Base")).is_err());
        for never in ["0 0 30 2 *", "0 0 1 1 * 0 2020"] {
            let times = Schedule::new(never, None).unwrap();
            assert!(times.first(micros("2026-11-20T00:00:00Z")).is_err(), "{never}");
        }
    }
}
