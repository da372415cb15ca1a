//! What a tool should have replaced by the token before the Secret was applied, and did not.
//!
//! No sentence has an example of the syntax: it could be the very text that was read.

use super::{
    super::{Finding, Reason},
    PREFIXES, tokens,
};

/// A form of placeholder: how it is told, and the sentence that names the tool and the step to mend.
struct Form {
    is: fn(&str) -> bool,
    sentence: &'static str,
}

/// The first that fits speaks, so the narrower ones stand first.
const FORMS: &[Form] = &[
    // https://github.com/getsops/sops/blob/main/aes/cipher.go
    Form {
        is: |text| text.starts_with("ENC[AES256_GCM,"),
        sentence: "the value is still encrypted by SOPS: decrypt the Secret before it is applied, in Flux by spec.decryption of \
                   the Kustomization",
    },
    // https://docs.ansible.com/ansible/latest/vault_guide/vault_encrypting_content.html
    Form {
        is: |text| text.starts_with("$ANSIBLE_VAULT;"),
        sentence: "the value is still encrypted by Ansible Vault: decrypt it before the Secret is applied",
    },
    // https://bank-vaults.dev/docs/mutating-webhook/configuration/
    Form {
        is: |text| {
            let bare = text.trim_start_matches('>');
            let inner = bare.strip_prefix("${").and_then(|inner| inner.strip_suffix('}')).unwrap_or(bare);
            inner.starts_with("vault:") && inner.contains('#')
        },
        sentence: "the value is a path in Vault for the webhook of Bank-Vaults, which has not replaced it: give the Secret the \
                   webhook's annotations, so that it is replaced there and not in Pods alone",
    },
    // https://argocd-vault-plugin.readthedocs.io/en/stable/howitworks/#inline-path-placeholders
    Form {
        is: |text| enclosed(text, "<path:", ">"),
        sentence: "the value is a placeholder of argocd-vault-plugin, which has not replaced it: have Argo CD render the \
                   application with the plugin",
    },
    // https://github.com/helmfile/vals: also with the scheme secretref.
    Form {
        is: |text| text.starts_with("ref+") || text.starts_with("secretref+"),
        sentence: "the value is a reference of vals, as helmfile uses it, and was not replaced: apply what vals eval or helmfile \
                   gives out",
    },
    // https://developer.1password.com/docs/cli/secret-reference-syntax: the scheme in either case.
    Form {
        is: |text| text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("op://")),
        sentence: "the value is a secret reference of 1Password, which was not replaced: apply what op inject gives out, or let \
                   the 1Password operator make the Secret",
    },
    // https://github.com/abicky/akv
    Form {
        is: |text| text.starts_with("akv://"),
        sentence: "the value is a reference of akv to Azure Key Vault, which was not replaced: apply what akv inject gives out",
    },
    // https://docs.github.com/en/actions/security-for-github-actions/security-guides/using-secrets-in-github-actions
    Form {
        is: |text| enclosed(text, "${{", "}}"),
        sentence: "the value is an expression of GitHub Actions, which was not evaluated: set it in an env of the workflow, and \
                   make the Secret from that variable",
    },
    // https://helm.sh/docs/chart_template_guide/getting_started; Go templates have it from there, and Jinja has the same.
    Form {
        is: |text| enclosed(text, "{{", "}}"),
        sentence: "the value is a template, as of Helm, External Secrets or Ansible, which was not rendered: apply what the tool \
                   gives out, such as helm template, and not the template itself",
    },
    // https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution and
    // https://www.gnu.org/software/gettext/manual/html_node/envsubst-Invocation.html
    Form {
        is: |text| enclosed(text, "${", "}") || text.strip_prefix('$').is_some_and(is_variable),
        sentence: "the value is the name of a variable, as envsubst and Flux replace it, and was not replaced: run envsubst with \
                   the variable set, or name it in spec.postBuild of the Flux Kustomization",
    },
    // https://octopus.com/docs/projects/variables/variable-substitutions; cmd.exe; replace tokens of Azure DevOps:
    // https://github.com/qetza/replacetokens-task
    Form {
        is: |text| {
            [("#{", "}"), ("#{", "}#"), ("%", "%"), ("__", "__")].iter().any(|(before, behind)| {
                let inner = text.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind));
                inner.is_some_and(is_name)
            })
        },
        sentence: "the value is the name of a variable, as Octopus, Azure DevOps or Windows replace it, and was not replaced: set \
                   the variable where the Secret is made, and apply what the tool gives out",
    },
    // https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
    Form {
        is: |text| enclosed(text, "$(", ")"),
        sentence: "the value is the name of a variable in the form of a shell or of a container's env, which nothing replaces in \
                   a Secret: store the token itself",
    },
    // https://argocd-vault-plugin.readthedocs.io/en/stable/howitworks/#generic-placeholders
    Form {
        // Not a page of HTML.
        is: |text| enclosed(text, "<", ">") && text.matches(['<', '>']).count() == 2,
        sentence: "the value is a placeholder in angle brackets, as of argocd-vault-plugin or of an example: have the plugin \
                   replace it, or store the token in its place",
    },
    // https://docs.spring.io/spring-cloud-config/reference/server/encryption-and-decryption.html and
    // https://github.com/ulisesbocchio/jasypt-spring-boot
    Form {
        is: |text| text.starts_with("{cipher}") || enclosed(text, "ENC(", ")"),
        sentence: "the value is still encrypted, as Spring Cloud Config or Jasypt does it: decrypt it before the Secret is applied",
    },
    // As of AWS Secrets Manager, Google Secret Manager, vals and others.
    Form {
        is: is_reference,
        sentence: "the value is a reference to a secret that is kept elsewhere, and was not replaced: let the tool that knows such \
                   references make the Secret, such as External Secrets, or store the token itself",
    },
    // https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#masking-a-value-in-a-log
    Form {
        is: |text| repeats_one_of("*xX•●", text) || is_masked(text),
        sentence: "the value is what logs and forms show in place of a secret: copy the token from where it was made, or make a \
                   new one",
    },
    Form {
        is: has_rest_left_out,
        sentence: "the value is the beginning of a token with the rest left out, as documentation and logs show it: copy the \
                   whole token",
    },
    Form {
        is: |text| WORDS.iter().any(|word| text.eq_ignore_ascii_case(word)),
        sentence: "the value is a word that stands for a token yet to be filled in: store the token in its place",
    },
];

/// What people write where the token shall stand.
const WORDS: &[&str] = &[
    "changeme",
    "change-me",
    "change_me",
    "replaceme",
    "replace-me",
    "replace_me",
    "placeholder",
    "redacted",
    "[redacted]",
    "[masked]",
    "todo",
    "tbd",
    "your-token",
    "your_token",
    "your-token-here",
    "your_token_here",
    "my-token",
    "null",
    "nil",
    "none",
    "undefined",
    "[object Object]",
];

/// Schemes of addresses that lead to no store of secrets.
const ADDRESSES: &[&str] = &[
    "http",
    "https",
    "ssh",
    "git",
    "git+ssh",
    "git+https",
    "ftp",
    "oci",
    "docker",
    "ldap",
    "amqp",
    "redis",
    "mysql",
    "postgres",
    "postgresql",
    "mongodb",
];

/// The finding about the text, if it is a placeholder. One that has a token in it is none: only what stands around it is wrong.
pub(super) fn placeholder(text: &str) -> Option<Finding> {
    let text = text.trim();
    if tokens(text).any(|token| !has_rest_left_out(token)) {
        return None;
    }
    let form = FORMS.iter().find(|form| (form.is)(text))?;
    Some(Finding::new(Reason::Placeholder, form.sentence))
}

/// True if the text has this before and that behind, on one line.
fn enclosed(text: &str, before: &str, behind: &str) -> bool {
    text.strip_prefix(before).is_some_and(|rest| rest.ends_with(behind)) && !text.contains('\n')
}

/// True if it is a name as variables have it.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-: ".contains(&byte))
}

/// True for the address of a secret in a store: a scheme of none of the usual addresses, an ARN, or a resource of Google Cloud.
fn is_reference(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
            && !ADDRESSES.iter().any(|other| scheme.eq_ignore_ascii_case(other))
    };
    !text.contains('\n')
        && (scheme.is_some_and(is_scheme)
            || text.starts_with("arn:aws")
            || text.starts_with("@Microsoft.KeyVault(")
            || text.starts_with("projects/") && text.contains("/secrets/"))
}

/// True if all but the end of it is hidden, or the middle of a token.
fn is_masked(text: &str) -> bool {
    let body = PREFIXES.iter().find_map(|(prefix, _)| text.strip_prefix(prefix)).unwrap_or(text);
    let shown = body.trim_start_matches('*');
    !shown.is_empty()
        && body.len().saturating_sub(shown.len()) >= 3
        && shown.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// True if it is the name of a variable in capital letters.
fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// True if nothing follows the prefix but what stands for characters that are not shown.
fn has_rest_left_out(text: &str) -> bool {
    PREFIXES
        .iter()
        .filter_map(|(prefix, _)| text.strip_prefix(prefix))
        .any(|rest| repeats_one_of("*xX._-•…", rest) || stands_for_the_rest(rest))
}

/// True for a name in brackets, as in documentation and templates.
fn stands_for_the_rest(rest: &str) -> bool {
    [("<", ">"), ("${", "}"), ("{{", "}}"), ("{", "}"), ("[", "]")]
        .iter()
        .any(|(before, behind)| enclosed(rest, before, behind))
}

/// True if the text is one of these characters, three times or more.
fn repeats_one_of(characters: &str, text: &str) -> bool {
    let first = text.chars().next().filter(|first| characters.contains(*first));
    text.len() >= 3 && first.is_some_and(|first| text.chars().all(|character| character == first))
}
