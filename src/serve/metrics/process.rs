//! The process, as Linux tells of it in `/proc`, under the names of Prometheus' own clients:
//! <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>. Where there is no `/proc`, nothing is shown.

use std::{fmt, fs};

use prometheus_client::{collector::Collector, encoding::DescriptorEncoder, metrics::MetricType};

use super::gauge;

/// Shows the process.
#[derive(Debug)]
pub(super) struct Process;

/// What is shown of it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Facts {
    /// User and system time, in seconds.
    cpu: f64,
    /// In seconds since 1970.
    started: f64,
    resident: u64,
    virtual_: u64,
    threads: u64,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let read = |name| fs::read_to_string(name).ok();
        let (stat, system) = (read("/proc/self/stat"), read("/proc/stat"));
        let facts = stat.zip(system).and_then(|(stat, system)| facts(&stat, &system));
        if let Some(facts) = facts {
            let help = "User and system time of the process";
            let mut family =
                encoder.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
            family.encode_counter::<[(&str, &str); 0], _, f64>(&facts.cpu, None)?;
            let help = "When the process started, since 1970";
            gauge(&mut encoder, "process_start_time_seconds", help)?.encode_gauge(&facts.started)?;
            let help = "Memory of the process that is in RAM";
            gauge(&mut encoder, "process_resident_memory_bytes", help)?.encode_gauge(&facts.resident)?;
            let help = "Address space of the process";
            gauge(&mut encoder, "process_virtual_memory_bytes", help)?.encode_gauge(&facts.virtual_)?;
            gauge(&mut encoder, "process_threads", "Threads of the process")?.encode_gauge(&facts.threads)?;
        }
        let open = fs::read_dir("/proc/self/fd").map(Iterator::count);
        if let Ok(open) = open {
            // One of them reads the folder.
            let open = open.saturating_sub(1);
            gauge(&mut encoder, "process_open_fds", "Open files of the process")?.encode_gauge(&open)?;
        }
        if let Some(most) = read("/proc/self/limits").as_deref().and_then(most_files) {
            gauge(&mut encoder, "process_max_fds", "How many it may have open")?.encode_gauge(&most)?;
        }
        Ok(())
    }
}

/// What `/proc/self/stat` and `/proc/stat` tell: <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
fn facts(stat: &str, system: &str) -> Option<Facts> {
    // The name before may have blanks and brackets.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    // By its number in the manual page, where the first one after the name is 3.
    let field = |number: usize| fields.get(number.checked_sub(3)?)?.parse::<u64>().ok();
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    let seconds = |count: u64| count as f64 / ticks as f64;
    let booted = system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse::<u64>().ok()?;
    Some(Facts {
        cpu: seconds(field(14)?.saturating_add(field(15)?)),
        threads: field(20)?,
        started: booted as f64 + seconds(field(22)?),
        virtual_: field(23)?,
        resident: field(24)?.saturating_mul(u64::try_from(rustix::param::page_size()).ok()?),
    })
}

/// The soft limit of open files; none if there is no limit.
fn most_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_shifts_nothing() {
        let stat =
            "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 3 0 1000 8192 2 18446744073709551615 1";
        let facts = facts(stat, "cpu 1 2\nbtime 1700000000\nprocesses 3\n").unwrap();
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!((facts.cpu, facts.started), (300.0 / ticks, 1_700_000_000.0 + 1000.0 / ticks));
        assert_eq!((facts.virtual_, facts.threads), (8192, 3));
        assert_eq!(facts.resident, 2 * u64::try_from(rustix::param::page_size()).unwrap());
        assert_eq!(super::facts("garbled", "btime 1"), None);
    }

    #[test]
    fn the_limit_of_open_files_is_the_soft_one() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files\n";
        assert_eq!(most_files(limits), Some(1024));
        assert_eq!(
            most_files("Max open files            unlimited            unlimited            files\n"),
            None
        );
    }
}
