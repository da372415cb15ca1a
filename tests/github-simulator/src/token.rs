//! Texts of tokens: prefixes, alphabets, lengths and checksums.
//!
//! No text is written out anywhere in this crate: a literal with a good checksum would trip push protection.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &[u8; 16] = b"0123456789abcdef";

/// What a token is, told by its prefix.
///
/// Source: <https://docs.github.com/authentication/keeping-your-account-and-data-secure/about-authentication-to-github>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A personal access token (classic), `ghp_`.
    Classic,
    /// A fine-grained personal access token, `github_pat_`.
    FineGrained,
    /// A user token of an OAuth app, `gho_`; `gh auth login` makes one.
    OAuth,
    /// A user access token of a GitHub App, `ghu_`.
    AppUser,
    /// An installation token of a GitHub App in the layout of 2021, `ghs_`.
    Installation,
    /// An installation token in the layout of 2026: `ghs_`, the app's id, and a JWT with two dots, about 520 characters.
    ///
    /// Source: <https://github.com/github/docs/blob/main/data/reusables/apps/ghs-stateless-token-format.md>.
    StatelessInstallation,
    /// A refresh token of a GitHub App, `ghr_`; it authenticates no request.
    Refresh,
    /// A token made before April 2021: 40 hex digits without a prefix.
    Legacy,
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [TokenKind; 8] = [
        TokenKind::Classic,
        TokenKind::FineGrained,
        TokenKind::OAuth,
        TokenKind::AppUser,
        TokenKind::Installation,
        TokenKind::StatelessInstallation,
        TokenKind::Refresh,
        TokenKind::Legacy,
    ];

    /// What a text of this kind begins with; empty for [`TokenKind::Legacy`].
    pub fn prefix(self) -> &'static str {
        match self {
            TokenKind::Classic => "ghp_",
            TokenKind::FineGrained => "github_pat_",
            TokenKind::OAuth => "gho_",
            TokenKind::AppUser => "ghu_",
            TokenKind::Installation | TokenKind::StatelessInstallation => "ghs_",
            TokenKind::Refresh => "ghr_",
            TokenKind::Legacy => "",
        }
    }

    /// Whether GitHub tells the scopes of such a token in `X-OAuth-Scopes`, even when there are none.
    pub(crate) fn has_scopes(self) -> bool {
        matches!(self, TokenKind::Classic | TokenKind::OAuth | TokenKind::Legacy)
    }
}

/// A well-formed text of a kind, the same for the same seed.
///
/// No simulator knows it, so GitHub's answer to it is `401 Bad credentials`.
pub fn token_text_for(kind: TokenKind, seed: u64) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    let owner = random.u32(1..);
    compose(kind, owner, &mut random)
}

/// A body of a kind between its prefix and its checksum, whatever its length.
///
/// - `ghp_`, `gho_`, `ghu_`, `ghs_`, `ghr_`: six base62 digits of CRC-32 over the body, padded with `0` on the left.
///   Source: <https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/>.
/// - `github_pat_`: eight base32 characters of SHA-256 over prefix and body, then eight characters of unknown meaning (here
///   zeros). Not documented by GitHub; source: the rules of `mongodb/kingfisher`, and published samples.
/// - the others have no checksum: prefix and body.
pub fn checksummed(kind: TokenKind, body: &str) -> String {
    match kind {
        TokenKind::FineGrained => with_digest(body, "00000000"),
        TokenKind::StatelessInstallation | TokenKind::Legacy => format!("{}{body}", kind.prefix()),
        _ => format!("{}{body}{}", kind.prefix(), base62_of_crc(body)),
    }
}

/// A text of a kind out of random characters; `owner` is the account's id, which fine-grained tokens seem to hold.
pub(crate) fn compose(kind: TokenKind, owner: u32, random: &mut fastrand::Rng) -> String {
    match kind {
        TokenKind::FineGrained => {
            let head = format!("11{}0{}", base32(owner), characters(BASE62, 12, random));
            let body = format!("{head}_{}", characters(BASE62, 43, random));
            with_digest(&body, &characters(BASE62, 8, random))
        }
        TokenKind::StatelessInstallation => {
            let part = |length: usize, random: &mut fastrand::Rng| {
                URL_SAFE_NO_PAD.encode((0..length).map(|_| random.u8(..)).collect::<Vec<u8>>())
            };
            let (header, claims, signature) = (part(27, random), part(90, random), part(256, random));
            checksummed(kind, &format!("{}_{header}.{claims}.{signature}", random.u32(100_000..9_999_999)))
        }
        TokenKind::Legacy => checksummed(kind, &characters(HEX, 40, random)),
        TokenKind::Refresh => checksummed(kind, &characters(BASE62, 70, random)),
        _ => checksummed(kind, &characters(BASE62, 30, random)),
    }
}

fn with_digest(body: &str, tail: &str) -> String {
    let checked = format!("{}{body}", TokenKind::FineGrained.prefix());
    // Eight base32 characters are the first five bytes of the digest.
    let mut bits =
        Sha256::digest(&checked).iter().take(5).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let mut characters = [b'A'; 8];
    for character in characters.iter_mut().rev() {
        *character = digit(BASE32, bits & 31);
        bits >>= 5;
    }
    format!("{checked}{}{tail}", String::from_utf8_lossy(&characters))
}

fn base62_of_crc(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; 6];
    for character in digits.iter_mut().rev() {
        *character = digit(BASE62, u64::from(rest % 62));
        rest /= 62;
    }
    String::from_utf8_lossy(&digits).into_owned()
}

/// Seven base32 characters that decode to the four bytes of a number, as published samples have them.
fn base32(number: u32) -> String {
    let bits = u64::from(number) << 3;
    (0..7_u32).rev().map(|place| char::from(digit(BASE32, bits >> place.saturating_mul(5) & 31))).collect()
}

fn digit(alphabet: &[u8], index: u64) -> u8 {
    usize::try_from(index).ok().and_then(|index| alphabet.get(index)).copied().unwrap_or(b'0')
}

fn characters(alphabet: &[u8], count: usize, random: &mut fastrand::Rng) -> String {
    (0..count).filter_map(|_| random.choice(alphabet)).map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classic_checksums_are_crc32_in_six_base62_digits() {
        let rows = [
            ("digits only", "0".repeat(30), "2C8GjS"),
            ("leading zero", "A".repeat(30), "0uCPlr"),
            ("near the top of the range", "abcdefghijklmnopqrstuvwxyzABCD".to_owned(), "4dNndU"),
            ("counting", "0123456789".repeat(3), "0pV6Ps"),
            ("no padding", format!("SyntheticNotARealTokenBody{}", "0001"), "2cTvNb"),
            ("padding of one", format!("SyntheticPaddingCase{}", "0000000002"), "0H9rjq"),
            ("padding of two", format!("SyntheticPaddingCase{}", "0000000357"), "00Jd8n"),
        ];
        for kind in [TokenKind::Classic, TokenKind::OAuth, TokenKind::AppUser, TokenKind::Installation] {
            for (name, body, checksum) in &rows {
                let text = checksummed(kind, body);
                assert_eq!(text, format!("{}{body}{checksum}", kind.prefix()), "{name}");
                assert_eq!(text.len(), 40, "{name}");
            }
        }
        let body = format!("SyntheticRefresh{}", "0".repeat(54));
        assert_eq!(checksummed(TokenKind::Refresh, &body), format!("ghr_{body}{}", "12mGP6"));
    }

    #[test]
    fn fine_grained_checksums_are_the_base32_digest_of_the_first_77_characters() {
        let body = format!("11AAAAAAA0SyntheticNot_{}", "A".repeat(43));
        let text = checksummed(TokenKind::FineGrained, &body);
        assert_eq!(text.get(77..85), Some("2BYIMNLC"));
        assert_eq!(text.len(), 93);
    }

    #[test]
    fn texts_have_the_observed_lengths_and_alphabets() {
        let rows = [
            (TokenKind::Classic, 40),
            (TokenKind::FineGrained, 93),
            (TokenKind::OAuth, 40),
            (TokenKind::AppUser, 40),
            (TokenKind::Installation, 40),
            (TokenKind::Refresh, 80),
            (TokenKind::Legacy, 40),
        ];
        for seed in 0..50 {
            for (kind, length) in rows {
                let text = token_text_for(kind, seed);
                assert_eq!(text.len(), length, "{kind:?}");
                assert!(text.starts_with(kind.prefix()), "{kind:?}");
                assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{kind:?}");
            }
            let stateless = token_text_for(TokenKind::StatelessInstallation, seed);
            assert!((500..560).contains(&stateless.len()), "{}", stateless.len());
            assert_eq!(stateless.matches('.').count(), 2);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_text_and_another_seed_another() {
        for kind in TokenKind::ALL {
            assert_eq!(token_text_for(kind, 7), token_text_for(kind, 7));
            assert_ne!(token_text_for(kind, 7), token_text_for(kind, 8));
        }
    }

    #[test]
    fn fine_grained_texts_hold_the_id_of_their_owner() {
        // The third published sample decodes to 3154062 (github-pat.md 1.4): four bytes, big-endian, in base32.
        let text = compose(TokenKind::FineGrained, 0, &mut fastrand::Rng::with_seed(1));
        assert_eq!(text.get(11..21), Some(format!("11{}0", "A".repeat(7)).as_str()));
        assert_eq!(base32(u32::MAX), format!("{}Y", "7".repeat(6)));
    }
}
