//! The time that passes, or (on a machine that others use too) the time that this thread computes.

use std::time::Instant;

/// Where seconds come from.
#[derive(Clone, Copy)]
pub enum Clock {
    Wall(Instant),
    Cpu,
}

impl Default for Clock {
    fn default() -> Self {
        Self::Wall(Instant::now())
    }
}

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanos: i64,
}

unsafe extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

const THREAD_CPUTIME: i32 = 3;

impl Clock {
    /// Seconds since some moment.
    pub fn now(self) -> f64 {
        match self {
            Self::Wall(since) => since.elapsed().as_secs_f64(),
            Self::Cpu => {
                let mut time = Timespec {
                    seconds: 0,
                    nanos: 0,
                };
                // SAFETY: the C library's own type for 64-bit Linux, and ours to write to.
                assert_eq!(unsafe { clock_gettime(THREAD_CPUTIME, &raw mut time) }, 0);
                time.seconds as f64 + time.nanos as f64 * 1e-9
            }
        }
    }
}
