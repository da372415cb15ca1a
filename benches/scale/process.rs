//! CPU time and memory of a process, as the kernel counts them.
//!
//! Fields and units: <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>.

use std::fs;

use crate::Failed;

/// Ticks of the kernel in a second: 100 on every architecture that Kubernetes runs on.
const TICKS: f64 = 100.0;
const KIB_IN_MIB: f64 = 1024.0;
/// Where user time stands after the name of the process, which may contain spaces and ends with a parenthesis.
const USER_TIME: usize = 11;

/// CPU seconds of everything that works in a section.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    pub(crate) operator: f64,
    pub(crate) api_server: f64,
    pub(crate) etcd: f64,
    /// The simulator, the watch and the bare client, which run in this process.
    pub(crate) benchmark: f64,
    /// All programs of this machine.
    pub(crate) machine: f64,
    /// Not CPU time: how long the machine has been up.
    pub(crate) uptime: f64,
}

impl Cpu {
    /// What was used after `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            operator: self.operator - earlier.operator,
            api_server: self.api_server - earlier.api_server,
            etcd: self.etcd - earlier.etcd,
            benchmark: self.benchmark - earlier.benchmark,
            machine: self.machine - earlier.machine,
            uptime: self.uptime - earlier.uptime,
        }
    }

    /// How many cores were busy with programs that are none of ours, and made the figures worse.
    pub(crate) fn cores_of_others(self) -> f64 {
        let ours = self.operator + self.api_server + self.etcd + self.benchmark;
        ((self.machine - ours) / self.uptime).max(0.0)
    }
}

/// The CPU seconds that a process has used, user and system time together. `self` is this process.
pub(crate) fn cpu_seconds(id: &str) -> Result<f64, Failed> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').ok_or("/proc/PID/stat without a name")?;
    let times = fields.split_whitespace().skip(USER_TIME).take(2);
    let ticks: Vec<f64> = times.map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS)
}

/// What the machine as a whole has used: <https://man7.org/linux/man-pages/man5/proc_stat.5.html>.
pub(crate) fn machine() -> Result<Cpu, Failed> {
    let stat = fs::read_to_string("/proc/stat")?;
    let times =
        stat.lines().next().and_then(|line| line.strip_prefix("cpu ")).ok_or("no CPU in /proc/stat")?;
    let times: Vec<f64> = times.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    // User, nice, system; then idle and waiting for disks, which are not work; then interrupts and what a hypervisor took. The rest
    // is counted as user already.
    let [user, nice, system, _, _, hard, soft, stolen, ..] = times.as_slice() else {
        return Err("too few times in /proc/stat".into());
    };
    let uptime = fs::read_to_string("/proc/uptime")?;
    let uptime = uptime.split_whitespace().next().unwrap_or_default().parse()?;
    let busy = (user + nice + system + hard + soft + stolen) / TICKS;
    Ok(Cpu { machine: busy, uptime, ..Cpu::default() })
}

/// The resident memory of a process now, in MiB.
pub(crate) fn resident(id: u32) -> Result<f64, Failed> {
    memory(id, "VmRSS:")
}

/// The most resident memory that a process ever had, in MiB.
pub(crate) fn peak(id: u32) -> Result<f64, Failed> {
    memory(id, "VmHWM:")
}

/// The first 15 characters of the name of its program.
pub(crate) fn name(id: u32) -> Result<String, Failed> {
    Ok(fs::read_to_string(format!("/proc/{id}/comm"))?.trim().to_owned())
}

fn memory(id: u32, field: &str) -> Result<f64, Failed> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let value = status.lines().find_map(|line| line.strip_prefix(field)).ok_or("no such field")?;
    let kib: f64 = value.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / KIB_IN_MIB)
}
