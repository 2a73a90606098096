//! A secret of each kind, made when the test runs: this file holds none that a scanner would take for one.

use super::scanner;

const HEX: &str = "0123456789abcdef";
const DIGITS: &str = "0123456789";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const CROCKFORD: &str = "0123456789abcdefghjkmnpqrstvwxyz";
const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BECH32: &str = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";
const UUID: &[Piece] =
    &[Of(HEX, 8), Is("-"), Of(HEX, 4), Is("-"), Of(HEX, 4), Is("-"), Of(HEX, 4), Is("-"), Of(HEX, 12)];

/// A part of a secret: a text, or so many characters out of some.
#[derive(Clone, Copy)]
pub enum Piece {
    Is(&'static str),
    Of(&'static str, usize),
}
use Piece::{Is, Of};

/// A text with a secret in it: what is before it, the secret, what is behind it.
pub struct Seed {
    pub rule: &'static str,
    before: &'static str,
    secret: &'static [Piece],
    behind: &'static str,
}

impl Seed {
    /// The text and the secret, the same for the same number.
    pub fn make(&self, n: u64) -> (String, String) {
        let mut random = Random::new(n ^ self.rule.len() as u64);
        let secret: String = self.secret.iter().map(|piece| piece.make(&mut random)).collect();
        (format!("{}{secret}{}", self.before, self.behind), secret)
    }
}

impl Piece {
    fn make(&self, random: &mut Random) -> String {
        match self {
            Is(text) => (*text).to_owned(),
            Of(alphabet, len) => {
                let alphabet = alphabet.as_bytes();
                (0..*len).map(|_| char::from(alphabet[random.below(alphabet.len())])).collect()
            }
        }
    }
}

/// Numbers that look random and are the same each time.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 16) as usize % limit
    }
}

/// A seed whose secret stands in a line of its own, or is assigned to `key`.
const fn seed(rule: &'static str, secret: &'static [Piece]) -> Seed {
    Seed { rule, before: "value: ", secret, behind: "\n" }
}

const fn within(rule: &'static str, before: &'static str, secret: &'static [Piece], behind: &'static str) -> Seed {
    Seed { rule, before, secret, behind }
}

/// At least one for each rule.
pub const SEEDS: &[Seed] = &[
    seed("aws-access-key-id", &[Is("AK"), Is("IA"), Of(BASE32, 16)]),
    within("aws-secret-access-key", "aws_secret_access_key = ", &[Of(BASE64, 40)], "\n"),
    within("aws-secret-access-key", "{\"SecretAccessKey\": \"", &[Of(BASE64, 40)], "\"}"),
    within("aws-session-token", "AWS_SESSION_TOKEN=", &[Of(BASE64, 320)], "\n"),
    seed("google-api-key", &[Is("AI"), Is("za"), Of(URL, 35)]),
    seed("google-oauth-client-secret", &[Is("GOC"), Is("SPX-"), Of(URL, 28)]),
    seed("google-oauth-token", &[Is("ya"), Is("29."), Of(URL, 120)]),
    seed("google-oauth-token", &[Is("1/"), Is("/0"), Of(URL, 50)]),
    within("google-service-account-key-id", "\"private_key_id\": \"", &[Of(HEX, 40)], "\","),
    within("azure-storage-key", "AccountName=a;AccountKey=", &[Of(BASE64, 86), Is("==")], ";EndpointSuffix=x"),
    within("azure-shared-access-key", "Endpoint=sb://x/;SharedAccessKey=", &[Of(BASE64, 43), Is("=")], "\n"),
    within("azure-sas-signature", "?sv=2024&se=2026&sig=", &[Of(ALNUM, 43), Is("%3D")], "&x=1"),
    within("azure-entra-client-secret", "AZ=abc8", &[Is("Q"), Is("~"), Of(URL, 34)], "\n"),
    seed("digitalocean-token", &[Is("dop"), Is("_v1_"), Of(HEX, 64)]),
    seed("cloudflare-origin-ca-key", &[Is("v1"), Is(".0-"), Of(HEX, 24), Is("-"), Of(HEX, 146)]),
    within("cloudflare-api-token", "CLOUDFLARE_API_TOKEN: \"", &[Of(URL, 40)], "\""),
    seed("heroku-api-key", &[Is("HR"), Is("KU-"), Of(URL, 60)]),
    within("heroku-api-key", "HEROKU_API_KEY=", UUID, "\n"),
    seed("fly-token", &[Is("fm"), Is("2_"), Of(BASE64, 200), Is("==")]),
    seed("supabase-key", &[Is("sb"), Is("p_"), Of(HEX, 40)]),
    seed("planetscale-token", &[Is("pscale"), Is("_tkn_"), Of(URL, 43)]),
    seed("netlify-token", &[Is("nf"), Is("p_"), Of(ALNUM, 36)]),
    seed("databricks-token", &[Is("da"), Is("pi"), Of(HEX, 32)]),
    seed("github-token", &[Is("gh"), Is("p_"), Of(ALNUM, 36)]),
    within("github-token", "https://x-access-token:", &[Is("gh"), Is("s_"), Of(ALNUM, 36)], "@example.com/a/b\n"),
    seed("github-token", &[Is("gh"), Is("s_"), Of(ALNUM, 40), Is("."), Of(URL, 80), Is("."), Of(URL, 43)]),
    seed("github-fine-grained-token", &[Is("github"), Is("_pat_"), Of(ALNUM, 22), Is("_"), Of(ALNUM, 59)]),
    seed("gitlab-token", &[Is("gl"), Is("pat-"), Of(URL, 20)]),
    seed("gitlab-token", &[Is("gl"), Is("rt-"), Of(URL, 27), Is(".0"), Of(LOWER, 1), Is("."), Of(LOWER, 9)]),
    seed("gitlab-runner-registration", &[Is("GR"), Is("1348941"), Of(URL, 20)]),
    seed("atlassian-token", &[Is("ATA"), Is("TT3"), Of(URL, 180), Is("="), Of(UPPER, 8)]),
    seed("npm-token", &[Is("np"), Is("m_"), Of(ALNUM, 36)]),
    within("npmrc-auth", "//registry.example.com/:_authToken=", UUID, "\n"),
    seed("pypi-token", &[Is("py"), Is("pi-AgEI"), Of(URL, 150)]),
    seed("crates-io-token", &[Is("ci"), Is("o"), Of(ALNUM, 32)]),
    seed("rubygems-key", &[Is("ruby"), Is("gems_"), Of(HEX, 48)]),
    seed("nuget-key", &[Is("oy"), Is("2"), Of(LOWER, 43)]),
    seed("docker-token", &[Is("dckr"), Is("_pat_"), Of(URL, 27)]),
    within("docker-config-auth", "{\"auths\":{\"r\":{\"auth\":\"", &[Of(BASE64, 48)], "\"}}}"),
    seed("artifactory-key", &[Is("AK"), Is("Cp"), Of(ALNUM, 69)]),
    seed("buildkite-token", &[Is("bk"), Is("ua_"), Of(HEX, 40)]),
    seed("circleci-token", &[Is("CCI"), Is("PAT_"), Of(ALNUM, 22), Is("_"), Of(HEX, 40)]),
    seed("sonar-token", &[Is("sq"), Is("u_"), Of(HEX, 40)]),
    seed("sourcegraph-token", &[Is("sg"), Is("p_"), Of(HEX, 16), Is("_"), Of(HEX, 40)]),
    seed("openai-key", &[Is("sk"), Is("-proj-"), Of(URL, 74), Is("T3BlbkFJ"), Of(URL, 74)]),
    seed("openai-key", &[Is("sk"), Is("-"), Of(ALNUM, 48)]),
    seed("anthropic-key", &[Is("sk"), Is("-ant-"), Is("api03-"), Of(URL, 95)]),
    seed("openrouter-key", &[Is("sk"), Is("-or-v1-"), Of(HEX, 64)]),
    seed("huggingface-token", &[Is("h"), Is("f_"), Of(ALNUM, 34)]),
    seed("groq-key", &[Is("gs"), Is("k_"), Of(ALNUM, 52)]),
    seed("xai-key", &[Is("xa"), Is("i-"), Of(ALNUM, 80)]),
    seed("perplexity-key", &[Is("pp"), Is("lx-"), Of(ALNUM, 48)]),
    seed("replicate-token", &[Is("r"), Is("8_"), Of(ALNUM, 37)]),
    seed("langsmith-key", &[Is("ls"), Is("v2_pt_"), Of(HEX, 32), Is("_"), Of(HEX, 10)]),
    seed("slack-token", &[Is("xo"), Is("xb-"), Of(DIGITS, 12), Is("-"), Of(DIGITS, 12), Is("-"), Of(ALNUM, 24)]),
    seed("slack-token", &[Is("xa"), Is("pp-1-A"), Of(UPPER, 10), Is("-"), Of(DIGITS, 13), Is("-"), Of(HEX, 64)]),
    within(
        "slack-webhook",
        "https://hooks.slack.com/services/",
        &[Is("T"), Of(UPPER, 10), Is("/B"), Of(UPPER, 10), Is("/"), Of(ALNUM, 24)],
        "\n",
    ),
    within("discord-webhook", "https://discord.com/api/webhooks/123456789012345678/", &[Of(URL, 68)], "\n"),
    within("telegram-bot-token", "bot123456789:", &[Is("A"), Is("A"), Of(URL, 33)], "/getMe"),
    seed("stripe-key", &[Is("sk"), Is("_live_"), Of(ALNUM, 99)]),
    seed("webhook-signing-secret", &[Is("wh"), Is("sec_"), Of(ALNUM, 32)]),
    seed("square-token", &[Is("sq0"), Is("atp-"), Of(URL, 22)]),
    seed("shopify-token", &[Is("shp"), Is("at_"), Of(HEX, 32)]),
    seed("twilio-api-key", &[Is("S"), Is("K"), Of(HEX, 32)]),
    within("twilio-auth-token", "TWILIO_AUTH_TOKEN=", &[Of(HEX, 32)], "\n"),
    seed("sendgrid-key", &[Is("S"), Is("G."), Of(URL, 22), Is("."), Of(URL, 43)]),
    seed("mailgun-key", &[Is("ke"), Is("y-"), Of(HEX, 32)]),
    within("mailchimp-key", "mailchimp_api_key: '", &[Of(HEX, 32), Is("-us"), Of(DIGITS, 2)], "'"),
    seed("linear-key", &[Is("lin"), Is("_api_"), Of(ALNUM, 40)]),
    seed("notion-token", &[Is("nt"), Is("n_"), Of(ALNUM, 46)]),
    seed("postman-key", &[Is("PM"), Is("AK-"), Of(HEX, 24), Is("-"), Of(HEX, 34)]),
    within("datadog-key", "DD_API_KEY=", &[Of(HEX, 32)], "\n"),
    seed("grafana-token", &[Is("gl"), Is("sa_"), Of(ALNUM, 32), Is("_"), Of(HEX, 8)]),
    seed("newrelic-key", &[Is("NR"), Is("AK-"), Of(UPPER, 27)]),
    seed("sentry-token", &[Is("sn"), Is("tryu_"), Of(HEX, 64)]),
    seed("vault-token", &[Is("hv"), Is("s."), Of(URL, 95)]),
    within("terraform-cloud-token", "token abcdefghij1234.atlasv1.", &[Of(ALNUM, 67)], "\n"),
    seed("pulumi-token", &[Is("pu"), Is("l-"), Of(HEX, 40)]),
    seed("doppler-token", &[Is("dp"), Is(".pt."), Of(ALNUM, 43)]),
    seed("opsmith-token", &[Is("op"), Is("s_01k"), Of(CROCKFORD, 23), Is("_"), Of(HEX, 64)]),
    seed("onepassword-service-account", &[Is("op"), Is("s_eyJ"), Of(BASE64, 300)]),
    seed("tailscale-key", &[Is("ts"), Is("key-auth-"), Of(ALNUM, 12), Is("CNTRL-"), Of(ALNUM, 32)]),
    seed("openshift-token", &[Is("sha"), Is("256~"), Of(URL, 43)]),
    within("proxmox-api-token", "Authorization: PVEAPIToken=root@pam!ci=", UUID, "\n"),
    within("kubeconfig-client-key", "    client-key-data: ", &[Of(BASE64, 2000)], "\n"),
    within("wireguard-private-key", "PrivateKey = ", &[Of(BASE64, 42), Is("8=")], "\n"),
    within(
        "private-key",
        "key: |\n",
        &[
            Is("-----BEGIN RSA PRI"),
            Is("VATE KEY-----\n"),
            Of(BASE64, 64),
            Is("\n"),
            Of(BASE64, 64),
            Is("\n"),
            Of(BASE64, 20),
            Is("==\n-----END RSA PRI"),
            Is("VATE KEY-----"),
        ],
        "\n",
    ),
    within(
        "private-key",
        "{\"private_key\": \"",
        &[
            Is("-----BEGIN PRI"),
            Is("VATE KEY-----\\n"),
            Of(BASE64, 64),
            Is("\\n"),
            Of(BASE64, 60),
            Is("\\n-----END PRI"),
            Is("VATE KEY-----"),
        ],
        "\\n\"}",
    ),
    within(
        "putty-private-key",
        "Private-Lines: 2\n",
        &[Of(BASE64, 64), Is("\n"), Of(BASE64, 60), Is("\n")],
        "Private-MAC: 0",
    ),
    seed("age-secret-key", &[Is("AGE-SECRET"), Is("-KEY-1"), Of(BECH32, 58)]),
    seed("jwt", &[Is("ey"), Is("J"), Of(URL, 33), Is(".ey"), Is("J"), Of(URL, 120), Is("."), Of(URL, 43)]),
    within("url-password", "postgres://app:", &[Is("hunter"), Of(LOWER, 6)], "@db.example.com/x"),
    within("authorization-header", "Authorization: Bearer ", &[Of(ALNUM, 40)], "\n"),
    within("netrc-password", "machine example.com login ada password ", &[Of(ALNUM, 12)], "\n"),
    within("assigned-secret", "let db_password = \"", &[Is("4k"), Of(ALNUM, 16)], "\";"),
    within("assigned-secret", "{\"clientSecret\":\"", &[Is("4k"), Of(ALNUM, 24)], "\"}"),
    within("assigned-secret-variable", "export SESSION_SECRET=", &[Is("4k"), Of(ALNUM, 24)], "\n"),
    within("assigned-secret-yaml", "  password: ", &[Is("4k"), Of(ALNUM, 20)], "\n"),
    within("connection-string-password", "Server=db;User=sa;Password=", &[Of(ALNUM, 14)], ";Encrypt=yes"),
];

#[test]
fn a_secret_of_each_rule_is_found_where_it_stands_and_by_that_rule() {
    let scanner = scanner();
    for seed in SEEDS {
        for n in 0..20 {
            let (text, secret) = seed.make(n);
            let before = "first line\n\u{1F511} second\n";
            let whole = format!("{before}{text}");
            let found = scanner.scan(whole.as_bytes());
            let hit = found.iter().find(|finding| &*finding.rule == seed.rule);
            let hit = hit.unwrap_or_else(|| panic!("{} {n}: {found:?} in {whole}", seed.rule));
            let start = before.len() + text.find(&secret).unwrap();
            assert_eq!(hit.span, start..start + secret.len(), "{}: {}", seed.rule, &whole[hit.span.clone()]);
            assert_eq!(hit.line, whole[..start].matches('\n').count() + 1);
            assert!(!format!("{hit:?} {hit}").contains(&secret), "{}", seed.rule);
        }
    }
}

#[test]
fn every_rule_has_a_seed() {
    let scanner = scanner();
    let bare: Vec<_> = scanner.rules().filter(|rule| !SEEDS.iter().any(|seed| *seed.rule == *rule.id)).collect();
    assert_eq!(bare, []);
}

#[test]
fn a_specific_rule_displaces_a_generic_one_and_the_fingerprint_is_that_of_the_secret() {
    let scanner = scanner();
    let (_, token) = SEEDS.iter().find(|seed| seed.rule == "github-token").unwrap().make(1);
    let here = scanner.scan(format!("token = \"{token}\"").as_bytes());
    let there = scanner.scan(format!("\n\n# {token} #").as_bytes());
    assert_eq!((here.len(), there.len()), (1, 1), "{here:?} {there:?}");
    assert_eq!(&*here[0].rule, "github-token");
    assert_eq!(here[0].fingerprint, there[0].fingerprint);
    assert_eq!((here[0].line, there[0].line), (1, 3));
    let (_, other) = SEEDS.iter().find(|seed| seed.rule == "github-token").unwrap().make(2);
    assert_ne!(scanner.scan(other.as_bytes())[0].fingerprint, here[0].fingerprint);
}
