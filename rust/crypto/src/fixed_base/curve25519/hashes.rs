//! SHA-512(R ‖ A ‖ M) modulo L (FIPS 180-4 §6.4), eight checks at once, one in each lane.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "words, lanes and rounds: arrays of fixed size under indices bounded beside them"
)]

use std::arch::x86_64::{
    __m512i, _mm_set_epi64x, _mm512_add_epi64, _mm512_broadcast_i32x4, _mm512_mask_add_epi64,
    _mm512_ror_epi64, _mm512_set1_epi64, _mm512_shuffle_epi8, _mm512_shuffle_i64x2,
    _mm512_srli_epi64, _mm512_ternarylogic_epi64, _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};

use super::Check;
use super::ifma::{load_bytes, store_8};
use super::job::{Job, challenge};
use super::scalar::Scalar;

const BLOCK: usize = 128;
/// The first 64 bits of the fractional parts of the square roots of the first eight primes.
const START: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];
/// The first 64 bits of the fractional parts of the cube roots of the first eighty primes.
const ROUND: [u64; 80] = [
    0x428a_2f98_d728_ae22,
    0x7137_4491_23ef_65cd,
    0xb5c0_fbcf_ec4d_3b2f,
    0xe9b5_dba5_8189_dbbc,
    0x3956_c25b_f348_b538,
    0x59f1_11f1_b605_d019,
    0x923f_82a4_af19_4f9b,
    0xab1c_5ed5_da6d_8118,
    0xd807_aa98_a303_0242,
    0x1283_5b01_4570_6fbe,
    0x2431_85be_4ee4_b28c,
    0x550c_7dc3_d5ff_b4e2,
    0x72be_5d74_f27b_896f,
    0x80de_b1fe_3b16_96b1,
    0x9bdc_06a7_25c7_1235,
    0xc19b_f174_cf69_2694,
    0xe49b_69c1_9ef1_4ad2,
    0xefbe_4786_384f_25e3,
    0x0fc1_9dc6_8b8c_d5b5,
    0x240c_a1cc_77ac_9c65,
    0x2de9_2c6f_592b_0275,
    0x4a74_84aa_6ea6_e483,
    0x5cb0_a9dc_bd41_fbd4,
    0x76f9_88da_8311_53b5,
    0x983e_5152_ee66_dfab,
    0xa831_c66d_2db4_3210,
    0xb003_27c8_98fb_213f,
    0xbf59_7fc7_beef_0ee4,
    0xc6e0_0bf3_3da8_8fc2,
    0xd5a7_9147_930a_a725,
    0x06ca_6351_e003_826f,
    0x1429_2967_0a0e_6e70,
    0x27b7_0a85_46d2_2ffc,
    0x2e1b_2138_5c26_c926,
    0x4d2c_6dfc_5ac4_2aed,
    0x5338_0d13_9d95_b3df,
    0x650a_7354_8baf_63de,
    0x766a_0abb_3c77_b2a8,
    0x81c2_c92e_47ed_aee6,
    0x9272_2c85_1482_353b,
    0xa2bf_e8a1_4cf1_0364,
    0xa81a_664b_bc42_3001,
    0xc24b_8b70_d0f8_9791,
    0xc76c_51a3_0654_be30,
    0xd192_e819_d6ef_5218,
    0xd699_0624_5565_a910,
    0xf40e_3585_5771_202a,
    0x106a_a070_32bb_d1b8,
    0x19a4_c116_b8d2_d0c8,
    0x1e37_6c08_5141_ab53,
    0x2748_774c_df8e_eb99,
    0x34b0_bcb5_e19b_48a8,
    0x391c_0cb3_c5c9_5a63,
    0x4ed8_aa4a_e341_8acb,
    0x5b9c_ca4f_7763_e373,
    0x682e_6ff3_d6b2_b8a3,
    0x748f_82ee_5def_b2fc,
    0x78a5_636f_4317_2f60,
    0x84c8_7814_a1f0_ab72,
    0x8cc7_0208_1a64_39ec,
    0x90be_fffa_2363_1e28,
    0xa450_6ceb_de82_bde9,
    0xbef9_a3f7_b2c6_7915,
    0xc671_78f2_e372_532b,
    0xca27_3ece_ea26_619c,
    0xd186_b8c7_21c0_c207,
    0xeada_7dd6_cde0_eb1e,
    0xf57d_4f7f_ee6e_d178,
    0x06f0_67aa_7217_6fba,
    0x0a63_7dc5_a2c8_98a6,
    0x113f_9804_bef9_0dae,
    0x1b71_0b35_131c_471b,
    0x28db_77f5_2304_7d84,
    0x32ca_ab7b_40c7_2493,
    0x3c9e_be0a_15c9_bebc,
    0x431d_67c4_9c10_0d4c,
    0x4cc5_d4be_cb3e_42b6,
    0x597f_299c_fc65_7e2a,
    0x5fcb_6fab_3ad6_faec,
    0x6c44_198c_4a47_5817,
];

/// Each job's challenge, in the jobs' order.
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
pub(super) fn challenges(jobs: &[Job<'_>]) -> Vec<Scalar> {
    // Lanes of one length do not wait for each other.
    let mut order = (0..jobs.len()).collect::<Vec<_>>();
    order.sort_by_key(|job| blocks(jobs[*job].check));
    let mut challenges = vec![Scalar::ZERO; jobs.len()];
    for group in order.chunks(8) {
        let longest = group.last().map_or(0, |job| blocks(jobs[*job].check));
        let all = group
            .iter()
            .map(|job| blocks(jobs[*job].check))
            .fold(0, usize::saturating_add);
        if all < longest.saturating_mul(WORTH) {
            for job in group {
                challenges[*job] = challenge(jobs[*job].check);
            }
            continue;
        }
        let checks = std::array::from_fn(|lane| group.get(lane).map(|job| jobs[*job].check));
        let digests = hash(&checks, longest);
        for (lane, job) in group.iter().enumerate() {
            let words = digests.each_ref().map(|word| word[lane].swap_bytes());
            challenges[*job] = Scalar::reduce_words(words);
        }
    }
    challenges
}

/// Eight lanes take as long as two to three checks one by one: fewer blocks than so many of the longest are not worth it.
const WORTH: usize = 3;

/// How many blocks a check's bytes come to with their padding: a bit, and sixteen bytes of length.
fn blocks(check: &Check<'_>) -> usize {
    check
        .message
        .len()
        .saturating_add(64 + 1 + 16)
        .div_ceil(BLOCK)
}

/// The eight words of every lane's digest.
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn hash(checks: &[Option<&Check<'_>>; 8], longest: usize) -> [[u64; 8]; 8] {
    let mut state = START.map(|word| _mm512_set1_epi64(word.cast_signed()));
    let mut bytes = [[[0; 64]; 2]; 8];
    for index in 0..longest {
        let mut active = 0_u8;
        for (lane, check) in checks.iter().enumerate() {
            if let Some(check) = check
                && index < blocks(check)
            {
                write_block(check, index, bytes[lane].as_flattened_mut());
                active |= 1 << lane;
            }
        }
        let words = [
            transpose(bytes.each_ref().map(|[first, _]| load_bytes(first))),
            transpose(bytes.each_ref().map(|[_, second]| load_bytes(second))),
        ];
        compress(&mut state, words, active);
    }
    state.map(|word| store_8(word))
}

/// One block of R ‖ A ‖ M ‖ padding.
fn write_block(check: &Check<'_>, index: usize, block: &mut [u8]) {
    let message = check.message;
    let mut at = 0;
    let mut rest = message;
    if index == 0 {
        block[..32].copy_from_slice(&check.r);
        block[32..64].copy_from_slice(&check.public_key);
        at = 64;
    } else {
        let read = index.saturating_mul(BLOCK).saturating_sub(64);
        // Nothing is left of a message whose padding alone is in this block.
        rest = message.get(read..).unwrap_or_default();
    }
    let taken = rest.len().min(BLOCK.saturating_sub(at));
    let (head, tail) = block.split_at_mut(at.saturating_add(taken));
    head[at..].copy_from_slice(&rest[..taken]);
    tail.fill(0);
    let end = message.len().saturating_add(64);
    let start = index.saturating_mul(BLOCK);
    if end >= start && end.saturating_sub(start) < BLOCK {
        block[end.saturating_sub(start)] = 0x80;
    }
    if index.saturating_add(1) == blocks(check) {
        let bits = (end as u128).wrapping_mul(8);
        block[BLOCK - 16..].copy_from_slice(&bits.to_be_bytes());
    }
}

/// The compression function in the lanes that have a bit.
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn compress(state: &mut [__m512i; 8], words: [[__m512i; 8]; 2], active: u8) {
    let [
        [w0, w1, w2, w3, w4, w5, w6, w7],
        [w8, w9, w10, w11, w12, w13, w14, w15],
    ] = words;
    let mut w = [
        w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15,
    ];
    let mut v = *state;
    let (rounds, _) = ROUND.as_chunks::<16>();
    for (turn, constants) in rounds.iter().enumerate() {
        for i in 0..16 {
            if turn > 0 {
                let (w1, w9, w14) = (w[(i + 1) & 15], w[(i + 9) & 15], w[(i + 14) & 15]);
                let s0 = xor3(ror::<1>(w1), ror::<8>(w1), _mm512_srli_epi64::<7>(w1));
                let s1 = xor3(ror::<19>(w14), ror::<61>(w14), _mm512_srli_epi64::<6>(w14));
                w[i] = add(add(w[i], s0), add(w9, s1));
            }
            let [a, b, c, d, e, f, g, h] = v;
            let k = _mm512_set1_epi64(constants[i].cast_signed());
            let sum1 = xor3(ror::<14>(e), ror::<18>(e), ror::<41>(e));
            // Bits of f where e has a one, of g where a zero.
            let choice = _mm512_ternarylogic_epi64::<0xca>(e, f, g);
            let t1 = add(add(h, add(k, w[i])), add(sum1, choice));
            let sum0 = xor3(ror::<28>(a), ror::<34>(a), ror::<39>(a));
            let majority = _mm512_ternarylogic_epi64::<0xe8>(a, b, c);
            v = [add(t1, add(sum0, majority)), a, b, c, add(d, t1), e, f, g];
        }
    }
    for (old, new) in state.iter_mut().zip(v) {
        *old = _mm512_mask_add_epi64(*old, active, *old, new);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn add(a: __m512i, b: __m512i) -> __m512i {
    _mm512_add_epi64(a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn ror<const BITS: i32>(a: __m512i) -> __m512i {
    _mm512_ror_epi64::<BITS>(a)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn xor3(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi64::<0x96>(a, b, c)
}

/// Eight big-endian words of each of eight lanes: vector i holds every lane's word i.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn transpose(rows: [__m512i; 8]) -> [__m512i; 8] {
    let swap = _mm512_broadcast_i32x4(_mm_set_epi64x(0x0809_0a0b_0c0d_0e0f, 0x0001_0203_0405_0607));
    let r = rows.map(|row| _mm512_shuffle_epi8(row, swap));
    // Of two lanes: even words, odd words.
    let even: [__m512i; 4] = std::array::from_fn(|i| _mm512_unpacklo_epi64(r[2 * i], r[2 * i + 1]));
    let odd: [__m512i; 4] = std::array::from_fn(|i| _mm512_unpackhi_epi64(r[2 * i], r[2 * i + 1]));
    let [w0, w2, w4, w6] = quarters(even);
    let [w1, w3, w5, w7] = quarters(odd);
    [w0, w1, w2, w3, w4, w5, w6, w7]
}

/// From quarters 0 to 3 of each of four vectors to four vectors of one quarter of each.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn quarters(v: [__m512i; 4]) -> [__m512i; 4] {
    // Quarters 0 and 2 of two vectors, or 1 and 3.
    let even0 = _mm512_shuffle_i64x2::<0b10_00_10_00>(v[0], v[1]);
    let even1 = _mm512_shuffle_i64x2::<0b10_00_10_00>(v[2], v[3]);
    let odd0 = _mm512_shuffle_i64x2::<0b11_01_11_01>(v[0], v[1]);
    let odd1 = _mm512_shuffle_i64x2::<0b11_01_11_01>(v[2], v[3]);
    [
        _mm512_shuffle_i64x2::<0b10_00_10_00>(even0, even1),
        _mm512_shuffle_i64x2::<0b10_00_10_00>(odd0, odd1),
        _mm512_shuffle_i64x2::<0b11_01_11_01>(even0, even1),
        _mm512_shuffle_i64x2::<0b11_01_11_01>(odd0, odd1),
    ]
}
