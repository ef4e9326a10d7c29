//! Inverses modulo an odd 256-bit number by Bernstein–Yang division steps, in variable time: every input is public.
#![allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "constant indices into five limbs; splitting an i128 into its limbs"
)]

// The algorithm: "Fast constant-time gcd computation and modular inversion" (Bernstein, Yang 2019), in the form with 62
// steps a round and signed 62-bit limbs of libsecp256k1's modinv64 (`doc/safegcd_implementation.md` there), variable-time.

const LOW_62: u64 = u64::MAX >> 2;

/// An odd modulus with what a division by 2⁶² modulo it needs.
#[derive(Debug)]
pub(super) struct Modulus {
    limbs: [i64; 5],
    /// 1/modulus modulo 2⁶².
    inverse: u64,
}

impl Modulus {
    pub(super) const fn new(words: [u64; 4]) -> Self {
        // Newton: each step doubles the right bits; 5 are right at the start (3m xor 2).
        let mut inverse = words[0].wrapping_mul(3) ^ 2;
        let mut step = 0u32;
        while step < 4 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(words[0].wrapping_mul(inverse)));
            step = step.wrapping_add(1);
        }
        Self {
            limbs: to_limbs(&words),
            inverse: inverse & LOW_62,
        }
    }
}

/// A number in limbs of 62 bits; the last carries the sign.
const fn to_limbs(w: &[u64; 4]) -> [i64; 5] {
    [
        (w[0] & LOW_62) as i64,
        ((w[0] >> 62 | w[1] << 2) & LOW_62) as i64,
        ((w[1] >> 60 | w[2] << 4) & LOW_62) as i64,
        ((w[2] >> 58 | w[3] << 6) & LOW_62) as i64,
        (w[3] >> 56) as i64,
    ]
}

/// 62 division steps as a matrix, times 2⁶².
struct Steps {
    u: i64,
    v: i64,
    q: i64,
    r: i64,
}

/// 1/value modulo the modulus, for a value below it; 0 for 0.
pub(super) fn invert(modulus: &Modulus, value: &[u64; 4]) -> [u64; 4] {
    let (mut d, mut e) = ([0i64; 5], [1i64, 0, 0, 0, 0]);
    let (mut f, mut g) = (modulus.limbs, to_limbs(value));
    let mut eta = -1i64;
    // At most 12 rounds (590 or 743 steps by the proofs); a bound besides, since a loop must have one.
    for _ in 0..13u32 {
        let steps = divide_62(&mut eta, f[0] as u64, g[0] as u64);
        update_de(&mut d, &mut e, &steps, modulus);
        update_fg(&mut f, &mut g, &steps);
        if g == [0; 5] {
            break;
        }
    }
    // f is ±gcd: the sign of f says whether d or −d is the inverse.
    to_words(d, f[4] < 0, modulus)
}

/// 62 division steps on the lowest limbs, several at once: as many as there are zero bits, then a multiple of f that
/// cancels up to six.
fn divide_62(eta: &mut i64, f: u64, g: u64) -> Steps {
    let (mut u, mut v, mut q, mut r) = (1u64, 0u64, 0u64, 1u64);
    let (mut f, mut g) = (f, g);
    let mut left = 62u32;
    loop {
        let zeros = (g | u64::MAX.wrapping_shl(left)).trailing_zeros();
        g = g.wrapping_shr(zeros);
        u = u.wrapping_shl(zeros);
        v = v.wrapping_shl(zeros);
        *eta = eta.wrapping_sub(i64::from(zeros));
        left = left.wrapping_sub(zeros);
        if left == 0 {
            break;
        }
        let w;
        if *eta < 0 {
            *eta = eta.wrapping_neg();
            (f, g) = (g, f.wrapping_neg());
            (u, q) = (q, u.wrapping_neg());
            (v, r) = (r, v.wrapping_neg());
            let limit = eta.wrapping_add(1).min(i64::from(left)) as u32;
            let mask = u64::MAX.wrapping_shr(64u32.wrapping_sub(limit)) & 63;
            let square = f.wrapping_mul(f).wrapping_sub(2);
            w = f.wrapping_mul(g).wrapping_mul(square) & mask;
        } else {
            let limit = eta.wrapping_add(1).min(i64::from(left)) as u32;
            let mask = u64::MAX.wrapping_shr(64u32.wrapping_sub(limit)) & 15;
            let inverse = f.wrapping_add((f.wrapping_add(1) & 4) << 1);
            w = inverse.wrapping_neg().wrapping_mul(g) & mask;
        }
        g = g.wrapping_add(f.wrapping_mul(w));
        q = q.wrapping_add(u.wrapping_mul(w));
        r = r.wrapping_add(v.wrapping_mul(w));
    }
    Steps {
        u: u as i64,
        v: v as i64,
        q: q as i64,
        r: r as i64,
    }
}

/// a·x + b·y + c·z + carry: |a| + |b| is at most 2⁶², |x|, |y| below 2⁶², |c|, |z| below 2⁶²: below 2¹²⁶.
#[inline(always)]
fn dot(carry: i128, a: i64, x: i64, b: i64, y: i64) -> i128 {
    carry
        .wrapping_add(i128::from(a).wrapping_mul(i128::from(x)))
        .wrapping_add(i128::from(b).wrapping_mul(i128::from(y)))
}

/// (d, e) times the matrix over 2⁶² modulo the modulus; both stay in (−2·modulus, modulus).
fn update_de(d: &mut [i64; 5], e: &mut [i64; 5], t: &Steps, modulus: &Modulus) {
    let (d_sign, e_sign) = (d[4] >> 63, e[4] >> 63);
    let mut md = (t.u & d_sign).wrapping_add(t.v & e_sign);
    let mut me = (t.q & d_sign).wrapping_add(t.r & e_sign);
    let mut cd = dot(0, t.u, d[0], t.v, e[0]);
    let mut ce = dot(0, t.q, d[0], t.r, e[0]);
    // The multiples of the modulus that make the lowest 62 bits zero.
    let lowest = |c: i128, m: i64| {
        (modulus
            .inverse
            .wrapping_mul(c as u64)
            .wrapping_add(m as u64)
            & LOW_62) as i64
    };
    md = md.wrapping_sub(lowest(cd, md));
    me = me.wrapping_sub(lowest(ce, me));
    cd = dot(cd, modulus.limbs[0], md, 0, 0) >> 62;
    ce = dot(ce, modulus.limbs[0], me, 0, 0) >> 62;
    for i in 1..5usize {
        let next_d = dot(dot(cd, t.u, d[i], t.v, e[i]), modulus.limbs[i], md, 0, 0);
        let next_e = dot(dot(ce, t.q, d[i], t.r, e[i]), modulus.limbs[i], me, 0, 0);
        d[i.wrapping_sub(1)] = (next_d as u64 & LOW_62) as i64;
        e[i.wrapping_sub(1)] = (next_e as u64 & LOW_62) as i64;
        cd = next_d >> 62;
        ce = next_e >> 62;
    }
    d[4] = cd as i64;
    e[4] = ce as i64;
}

/// (f, g) times the matrix over 2⁶², exactly.
fn update_fg(f: &mut [i64; 5], g: &mut [i64; 5], t: &Steps) {
    let mut cf = dot(0, t.u, f[0], t.v, g[0]) >> 62;
    let mut cg = dot(0, t.q, f[0], t.r, g[0]) >> 62;
    for i in 1..5usize {
        let next_f = dot(cf, t.u, f[i], t.v, g[i]);
        let next_g = dot(cg, t.q, f[i], t.r, g[i]);
        f[i.wrapping_sub(1)] = (next_f as u64 & LOW_62) as i64;
        g[i.wrapping_sub(1)] = (next_g as u64 & LOW_62) as i64;
        cf = next_f >> 62;
        cg = next_g >> 62;
    }
    f[4] = cf as i64;
    g[4] = cg as i64;
}

/// ±d in [0, modulus), for d in (−2·modulus, modulus).
fn to_words(d: [i64; 5], negate: bool, modulus: &Modulus) -> [u64; 4] {
    let mut d = d;
    if d[4] < 0 {
        add_modulus(&mut d, modulus);
    }
    if negate {
        d = d.map(i64::wrapping_neg);
        carry(&mut d);
    }
    if d[4] < 0 {
        add_modulus(&mut d, modulus);
    }
    let [a, b, c, d, e] = d.map(|limb| limb as u64);
    [
        a | b << 62,
        b >> 2 | c << 60,
        c >> 4 | d << 58,
        d >> 6 | e << 56,
    ]
}

fn add_modulus(d: &mut [i64; 5], modulus: &Modulus) {
    for (limb, m) in d.iter_mut().zip(&modulus.limbs) {
        *limb = limb.wrapping_add(*m);
    }
    carry(d);
}

fn carry(d: &mut [i64; 5]) {
    for i in 0..4usize {
        let over = d[i] >> 62;
        d[i] &= LOW_62 as i64;
        let next = i.wrapping_add(1);
        d[next] = d[next].wrapping_add(over);
    }
}
