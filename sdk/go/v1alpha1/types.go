// Code generated from the CustomResourceDefinition. DO NOT EDIT. See sdk/README.md.

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GithubPatConnection says what is demanded of a GitHub personal access token, and where it is published.
//
// +kubebuilder:object:root=true
type GithubPatConnection struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec GithubPatConnectionSpec `json:"spec"`
	// What the operator writes.
	Status *GithubPatConnectionStatus `json:"status,omitempty"`
}

// GithubPatConnectionList has connections as the API server lists them.
//
// +kubebuilder:object:root=true
type GithubPatConnectionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []GithubPatConnection `json:"items"`
}

// GithubPatConnectionSpec: Keeps a GitHub personal access token under watch: reads it from a Secret, asks GitHub
// whether it works for its purpose, says so in the status, and writes proven tokens to the Secrets that
// workloads read.
type GithubPatConnectionSpec struct {
	// The account whose token it must be. A token of another account is not published, so that nobody's own token
	// takes the place of a bot's by mistake.
	Expect *Expectation `json:"expect,omitempty"`
	// How long a token stays in use before one that is preferred to it comes back, from 0s to 24h; 10m if it is not
	// given.
	HoldDown string `json:"holdDown,omitempty"`
	// The GitHub host that the token was made on, by its name in the operator's settings. `github.com` is built in;
	// an Enterprise Server or a tenant of ghe.com is added there by an administrator.
	//
	// The default is "github.com".
	Host string `json:"host,omitempty"`
	// How often GitHub is asked about an accepted token, from 10s to 24h. The operator's settings have a minimum, to
	// which a shorter interval is raised.
	//
	// The default is "30m".
	Interval string `json:"interval,omitempty"`
	// What becomes of the outputs when the token turns invalid: Retain lets them keep the last proven token,
	// Withdraw deletes those that hold this token once GitHub has refused it three times over at least ten minutes,
	// its expiry is confirmed, or the requirements do not hold. An outage or a rate limit does not make it invalid.
	//
	// The default is "Retain".
	OnInvalid OnInvalid `json:"onInvalid,omitempty"`
	// The Secrets to write the token to once GitHub has accepted it and the requirements hold. They go with the
	// connection.
	Publish []Output `json:"publish,omitempty"`
	// What the token must be and have to be of use.
	Require *Requirement `json:"require,omitempty"`
	// The workloads whose Pods are replaced once every output holds a new token, as `kubectl rollout restart` does
	// it. The first token of a connection restarts nothing.
	Restart []Workload `json:"restart,omitempty"`
	// The Secret that holds the token, in the namespace of the connection.
	SecretRef SecretKeyRef `json:"secretRef"`
	// Secrets with further tokens, in order of preference after secretRef. Each is judged by the same requirements;
	// the first one that is usable takes over when the token in use is refused, has expired or does not meet the
	// requirements.
	Standby []SecretKeyRef `json:"standby,omitempty"`
	// Whether to stop asking GitHub and to stop writing, until it is unset. What was published stays.
	//
	// The default is false.
	Suspend *bool `json:"suspend,omitempty"`
	// How long before the expiry to warn. `NotExpiring` turns False at the longest, and its message changes at each.
	//
	// The default is ["720h","336h","168h","24h"].
	WarnBefore []string `json:"warnBefore,omitempty"`
	// How long the outputs stay before they are deleted, from 10s. Without it, an invalid token costs them at once,
	// and a missing source Secret only those whose token GitHub has refused for good; with it, a source Secret that
	// is missing for so long costs all of them. Outputs in the formats of Argo CD and Flux go at once in any case
	// when the token is dead, since polling with it would lock its account.
	WithdrawAfter string `json:"withdrawAfter,omitempty"`
}

// Expectation: The account whose token it must be. A token of another account is not published, so that nobody's
// own token takes the place of a bot's by mistake.
type Expectation struct {
	// The login of the account, in any case. It changes when the account is renamed.
	Login string `json:"login,omitempty"`
	// The numeric id of the account, which stays when it is renamed. It decides where login is given too.
	UserID *int64 `json:"userId,omitempty"`
}

// OnInvalid: What becomes of the outputs when the token turns invalid: Retain lets them keep the last proven
// token, Withdraw deletes those that hold this token once GitHub has refused it three times over at least ten
// minutes, its expiry is confirmed, or the requirements do not hold. An outage or a rate limit does not make it
// invalid.
type OnInvalid string

const (
	OnInvalidRetain   OnInvalid = "Retain"
	OnInvalidWithdraw OnInvalid = "Withdraw"
)

// Output: One Secret that workloads read the token from.
type Output struct {
	// Annotations to put on the Secret. They are kept up to date; those of others stay.
	Annotations map[string]string `json:"annotations,omitempty"`
	// A pull secret of the namespace whose entries DockerConfigJson takes too, so that one pull secret serves
	// several registries. For a registry that this output signs in to itself, its own entry counts.
	ExtraEntriesFrom *EntriesRef `json:"extraEntriesFrom,omitempty"`
	// How the token is laid out in it, by the program that reads it. Env, Renovate and TerraformGithub are variables
	// of the environment; GitCredentials, Netrc, Npmrc, MavenSettings, NuGetConfig and GhHosts are files.
	Format Format `json:"format"`
	// How many earlier versions stay beside the present one at most, 2 by default. The oldest goes when a new one is
	// made; where the operator lists consumers, one that none of them names goes sooner.
	KeepVersions *int32 `json:"keepVersions,omitempty"`
	// The key of Opaque under which the token stands, by default token.
	Key string `json:"key,omitempty"`
	// Labels to put on the Secret. They are kept up to date; those of others stay.
	Labels map[string]string `json:"labels,omitempty"`
	// The account or organization whose packages are meant (Npmrc, NuGetConfig), or that is managed
	// (TerraformGithub, CrossplaneGithub).
	Owner string `json:"owner,omitempty"`
	// The project of Argo CD that may use the repository; without it, every project may.
	Project string `json:"project,omitempty"`
	// Whether DockerConfigJson shall pull public images only, so that the scope read:packages is not needed.
	PublicOnly *bool `json:"publicOnly,omitempty"`
	// The registries of DockerConfigJson, in place of the one of the host, as in ghcr.io or ghcr.io/acme.
	Registries []string `json:"registries,omitempty"`
	// The Secret to create, in the namespace of the connection. A Secret of this name that the connection did not
	// make is left alone.
	SecretName string `json:"secretName"`
	// The URLs for which Tekton shall use BasicAuth, as in `https://github.com`: they become the annotations
	// tekton.dev/git-0, tekton.dev/git-1 and so on. Each must be on the host of the connection.
	TektonGit []string `json:"tektonGit,omitempty"`
	// The repository of ArgoCDRepository and ArgoCDRepositoryWrite, or with what the URLs of the repositories begin
	// for ArgoCDRepoCreds and ArgoCDRepoCredsWrite. It must be on the host of the connection.
	URL string `json:"url,omitempty"`
	// Whether each token gets an immutable Secret of its own. Its name is secretName, a hyphen and ten hexadecimal
	// digits; status.outputs has the present one. A kubelet proves a new token for its images only under a new name.
	Versioned *bool `json:"versioned,omitempty"`
}

// EntriesRef: A pull secret of the namespace whose entries DockerConfigJson takes too, so that one pull secret
// serves several registries. For a registry that this output signs in to itself, its own entry counts.
type EntriesRef struct {
	// The key whose value has the entries, in the form of Docker's config.json.
	//
	// The default is ".dockerconfigjson".
	Key string `json:"key,omitempty"`
	// The name of the Secret.
	Name string `json:"name"`
}

// Format: How the token is laid out in it, by the program that reads it. Env, Renovate and TerraformGithub are
// variables of the environment; GitCredentials, Netrc, Npmrc, MavenSettings, NuGetConfig and GhHosts are files.
type Format string

const (
	FormatOpaque                  Format = "Opaque"
	FormatEnv                     Format = "Env"
	FormatBasicAuth               Format = "BasicAuth"
	FormatGitCredentials          Format = "GitCredentials"
	FormatNetrc                   Format = "Netrc"
	FormatDockerConfigJson        Format = "DockerConfigJson"
	FormatNpmrc                   Format = "Npmrc"
	FormatMavenSettings           Format = "MavenSettings"
	FormatNuGetConfig             Format = "NuGetConfig"
	FormatArgoCDRepository        Format = "ArgoCDRepository"
	FormatArgoCDRepositoryWrite   Format = "ArgoCDRepositoryWrite"
	FormatArgoCDRepoCreds         Format = "ArgoCDRepoCreds"
	FormatArgoCDRepoCredsWrite    Format = "ArgoCDRepoCredsWrite"
	FormatFluxGit                 Format = "FluxGit"
	FormatFluxNotification        Format = "FluxNotification"
	FormatActionsRunnerController Format = "ActionsRunnerController"
	FormatGhHosts                 Format = "GhHosts"
	FormatCrossplaneGithub        Format = "CrossplaneGithub"
	FormatRenovate                Format = "Renovate"
	FormatTerraformGithub         Format = "TerraformGithub"
	FormatJenkins                 Format = "Jenkins"
)

// Requirement: What the token must be and have to be of use.
type Requirement struct {
	// What becomes of a token with scopes beyond `scopes`: Report lists them in the status, Refuse makes the
	// requirements fail.
	Excess Excess `json:"excess,omitempty"`
	// What is demanded of the token's expiry.
	Expiry *ExpiryRule `json:"expiry,omitempty"`
	// What the token must not have.
	Forbid *Forbid `json:"forbid,omitempty"`
	// The kinds of token that are allowed. Tokens of other kinds are asked about too, and are then refused by name.
	//
	// The default is ["Classic","FineGrained"].
	Kinds []TokenKind `json:"kinds,omitempty"`
	// Organizations that must let the token in, and of which its account must be a member.
	Organizations []OrganizationDemand `json:"organizations,omitempty"`
	// Container images that the token must be able to pull from the host's registry. GitHub's takes classic tokens
	// only.
	Packages []PackageDemand `json:"packages,omitempty"`
	// Permissions that a fine-grained token must have, by GitHub's keys, as in `contents: write`. They bind
	// fine-grained tokens.
	Permissions map[string]Level `json:"permissions,omitempty"`
	// Repositories that the token must see, or to which git must take its pushes.
	Repositories []RepositoryDemand `json:"repositories,omitempty"`
	// Classic scopes that the token must have, itself or by a larger scope: `repo` satisfies `public_repo`. They
	// bind tokens that have scopes. A fine-grained token has none; it is refused unless `permissions` says what it
	// needs.
	//
	// The default is [].
	Scopes []string `json:"scopes,omitempty"`
	// What becomes of what no request that only reads can prove: Accept counts it as met, Refuse makes the
	// requirements fail.
	Unproven Unproven `json:"unproven,omitempty"`
}

// Excess: What becomes of a token with scopes beyond `scopes`: Report lists them in the status, Refuse makes the
// requirements fail.
type Excess string

const (
	ExcessReport Excess = "Report"
	ExcessRefuse Excess = "Refuse"
)

// ExpiryRule: What is demanded of the token's expiry.
type ExpiryRule struct {
	// When the token ends, if GitHub does not tell or tells a later end: it only ever makes the end earlier. As in
	// `2027-01-31T00:00:00Z`.
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
	// The longest lifetime, counted from the first time the operator saw GitHub accept the token, since a bearer
	// cannot learn when a token was made. A token without expiry violates it. As in `8784h`.
	MaxLifetime string `json:"maxLifetime,omitempty"`
	// The least time that must be left. As in `24h`.
	MinRemaining string `json:"minRemaining,omitempty"`
	// Whether the token must expire at all.
	//
	// The default is false.
	Required *bool `json:"required,omitempty"`
}

// Forbid: What the token must not have.
type Forbid struct {
	// Permissions that a fine-grained token must not have, by GitHub's keys, each with the lowest level that is
	// forbidden.
	Permissions map[string]Level `json:"permissions,omitempty"`
	// Classic scopes that the token must not have, neither itself nor by a larger scope.
	Scopes []string `json:"scopes,omitempty"`
}

// Level: How much a permission allows. Each level includes those before it.
type Level string

const (
	LevelRead  Level = "read"
	LevelWrite Level = "write"
	LevelAdmin Level = "admin"
)

// TokenKind: A kind of GitHub token, told by its prefix: Classic (ghp_) and FineGrained (github_pat_) personal
// access tokens, tokens of an OAuth app or of `gh auth login` (OAuth, gho_), of a GitHub App for a user
// (AppUser, ghu_) and for an installation (AppInstallation, ghs_).
type TokenKind string

const (
	TokenKindClassic         TokenKind = "Classic"
	TokenKindFineGrained     TokenKind = "FineGrained"
	TokenKindOAuth           TokenKind = "OAuth"
	TokenKindAppUser         TokenKind = "AppUser"
	TokenKindAppInstallation TokenKind = "AppInstallation"
)

// OrganizationDemand: An organization that must let the token in.
type OrganizationDemand struct {
	// Its login, as in `acme`.
	Name string `json:"name"`
}

// PackageDemand: A container image that the token must be able to pull.
type PackageDemand struct {
	// Its name in the registry, as in `acme/app`, without the registry and without a tag.
	Name string `json:"name"`
}

// RepositoryDemand: A repository that the token must reach.
type RepositoryDemand struct {
	// Whether the token must only see it, or git must take a push too.
	//
	// The default is "Read".
	Access Access `json:"access,omitempty"`
	// Its owner and name, as in `acme/app`.
	Name string `json:"name"`
}

// Access: Whether the token must only see it, or git must take a push too.
type Access string

const (
	AccessRead Access = "Read"
	AccessPush Access = "Push"
)

// Unproven: What becomes of what no request that only reads can prove: Accept counts it as met, Refuse makes the
// requirements fail.
type Unproven string

const (
	UnprovenAccept Unproven = "Accept"
	UnprovenRefuse Unproven = "Refuse"
)

// Workload: A workload in the namespace of the connection.
type Workload struct {
	// The kind: Deployment, StatefulSet or DaemonSet.
	Kind WorkloadKind `json:"kind"`
	// The name.
	Name string `json:"name"`
}

// WorkloadKind: The kind: Deployment, StatefulSet or DaemonSet.
type WorkloadKind string

const (
	WorkloadKindDeployment  WorkloadKind = "Deployment"
	WorkloadKindStatefulSet WorkloadKind = "StatefulSet"
	WorkloadKindDaemonSet   WorkloadKind = "DaemonSet"
)

// SecretKeyRef: The Secret that holds the token, in the namespace of the connection.
type SecretKeyRef struct {
	// The key whose value is the token.
	//
	// The default is "token".
	Key string `json:"key,omitempty"`
	// The name of the Secret.
	Name string `json:"name"`
}

// GithubPatConnectionStatus: What is known of the connection. Every instant says when something happened.
type GithubPatConnectionStatus struct {
	// The Secrets that the token may come from, in order of preference; there if spec.standby names any.
	Candidates []CandidateStatus `json:"candidates,omitempty"`
	// Ready sums up SecretResolved, Authenticated, RequirementsMet, NotExpiring and Published. True is good in each.
	//
	// The default is [].
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// The objects that name an output, if the operator lists them.
	Consumers *ConsumersStatus `json:"consumers,omitempty"`
	// Set while GitHub gives no answer about the token.
	Deferral *Deferral `json:"deferral,omitempty"`
	// The demands that have no line in requirements, so that the status stays below 8 KiB.
	FurtherRequirements *FurtherRequirements `json:"furtherRequirements,omitempty"`
	// The last ten changes of Ready, the latest last. The first of all is the first judgement, once another one has
	// come.
	History []ReadyChange `json:"history,omitempty"`
	// The value of the annotation githubpat.dev/requestedAt that was last acted on: GitHub was asked when it
	// changed.
	LastHandledRequest string `json:"lastHandledRequest,omitempty"`
	// Pages that help.
	Links *Links `json:"links,omitempty"`
	// When GitHub is asked about the token next at the latest. It is written when something else changes, so it may
	// lie in the past while nothing does.
	NextCheckAt *metav1.Time `json:"nextCheckAt,omitempty"`
	// The generation of the spec that this status speaks of.
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`
	// The Secrets that hold a proven token for workloads; the first of them, if there is no room for all.
	Outputs []OutputStatus `json:"outputs,omitempty"`
	// What is known of permissions on each repository or organization, if several are demanded.
	PermissionProofs *PermissionProofs `json:"permissionProofs,omitempty"`
	// The demands that GitHub is asked about, one line each; those that are not met first, if there is no room for
	// all.
	Requirements []RequirementStatus `json:"requirements,omitempty"`
	// The last change from one token in use to the next.
	Rotation *RotationStatus `json:"rotation,omitempty"`
	// The token that was last seen in the Secret.
	Token *TokenStatus `json:"token,omitempty"`
	// Set while spec.withdrawAfter counts, and until the outputs are of use again.
	Withdrawal *Withdrawal `json:"withdrawal,omitempty"`
	// What others had put on outputs that were deleted, for when these are made again, 900 bytes in all at most.
	WithdrawnOutputs []WithdrawnOutput `json:"withdrawnOutputs,omitempty"`
}

// CandidateStatus: A Secret that the token may come from.
type CandidateStatus struct {
	// Set if its token is in use. All that is known of that stands in status.token.
	InUse *bool `json:"inUse,omitempty"`
	// Why it is not usable, and what to do about it; of a preferred one that is usable and not in use, what it waits
	// for.
	Message string `json:"message,omitempty"`
	// Why, in one word for machines; docs/reasons.md explains each.
	Reason string `json:"reason"`
	// The Secret.
	SecretName string `json:"secretName"`
	// Since when its token is in use.
	Since *metav1.Time `json:"since,omitempty"`
	// What is known of its token; of the one in use only what tells it apart, and its expiry.
	Token *TokenStatus `json:"token,omitempty"`
	// Whether its token could be in use.
	Usable ConditionStatus `json:"usable"`
}

// TokenStatus: What is known of its token; of the one in use only what tells it apart, and its expiry.
type TokenStatus struct {
	// Who accepted it before, so that outputs may hold it; as long as `host` has not accepted it.
	AcceptedBefore *AcceptedBefore `json:"acceptedBefore,omitempty"`
	// GitHub accepted it at this instant or later: refreshed when something changed or when it is older than the
	// heartbeat of the settings, not at each check.
	CheckedAt *metav1.Time `json:"checkedAt,omitempty"`
	// Scopes beyond those that are demanded, which nobody needs by what the connection says; the first of them, if
	// there is no room for all.
	Excess []string `json:"excess,omitempty"`
	// When it ends, if GitHub named an expiry.
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
	// Set if the expiry had passed when GitHub accepted the token; it counts for nothing then.
	ExpiryImplausible *bool `json:"expiryImplausible,omitempty"`
	// Set if GitHub named an expiry in a form that could not be read.
	ExpiryUnreadable *bool `json:"expiryUnreadable,omitempty"`
	// When GitHub was first seen to accept it.
	FirstProvenAt *metav1.Time `json:"firstProvenAt,omitempty"`
	// Why a token may have been cut or mistyped: said, never judged, since GitHub asks to treat tokens as opaque.
	Flaw Flaw `json:"flaw,omitempty"`
	// Base64 of its SHA-256, by which GitHub's audit log can be searched.
	HashedToken string `json:"hashedToken"`
	// The numbers of organizations that single sign-on left out of GitHub's answers, since the token is not
	// authorized for it; the first ten.
	HiddenOrganizations []int64 `json:"hiddenOrganizations,omitempty"`
	// The host that was asked about it.
	Host string `json:"host"`
	// GitHub's number of the token, if a policy of an organization named it. It is part of the address of the
	// token's page.
	ID *int64 `json:"id,omitempty"`
	// Its kind, from its prefix.
	Kind TokenKind `json:"kind"`
	// The login of its account.
	Login string `json:"login,omitempty"`
	// Whose token was there before, or what the login was, if that is another one. It goes with the next token of
	// the same account, and once spec.expect names the account.
	PreviousAccount *PreviousAccount `json:"previousAccount,omitempty"`
	// The refusals since.
	Refused *Refusals `json:"refused,omitempty"`
	// Its classic scopes as GitHub lists them; absent for tokens that have none by nature, empty for a classic token
	// without.
	Scopes []string `json:"scopes,omitempty"`
	// The Secret it was read from.
	SecretName string `json:"secretName"`
	// The numeric id of its account, which stays when the login is renamed.
	UserID *int64 `json:"userId,omitempty"`
}

// AcceptedBefore: Who accepted it before, so that outputs may hold it; as long as `host` has not accepted it.
type AcceptedBefore struct {
	// The name of the host.
	Host string `json:"host"`
	// The login of its account there.
	Login string `json:"login,omitempty"`
}

// Flaw: Why a token may have been cut or mistyped: said, never judged, since GitHub asks to treat tokens as
// opaque.
type Flaw string

const (
	FlawLength   Flaw = "Length"
	FlawChecksum Flaw = "Checksum"
)

// PreviousAccount: Whose token was there before, or what the login was, if that is another one. It goes with the
// next token of the same account, and once spec.expect names the account.
type PreviousAccount struct {
	// Its login.
	Login string `json:"login"`
	// When the operator saw that it is another one.
	Until metav1.Time `json:"until"`
	// Its numeric id.
	UserID int64 `json:"userId"`
}

// Refusals: The refusals since.
type Refusals struct {
	// How many there were.
	Count int32 `json:"count"`
	// The first of them.
	First metav1.Time `json:"first"`
	// The last of them.
	Last metav1.Time `json:"last"`
	// How many in a row are believed: two, but one if the checksum of a token that was never accepted is wrong, and
	// three of a token that the host refused together with many others.
	//
	// The default is 2.
	Needed *int32 `json:"needed,omitempty"`
	// What GitHub said the last time.
	Reason string `json:"reason"`
}

// ConditionStatus: Whether its token could be in use.
type ConditionStatus string

const (
	ConditionStatusTrue    ConditionStatus = "True"
	ConditionStatusFalse   ConditionStatus = "False"
	ConditionStatusUnknown ConditionStatus = "Unknown"
)

// ConsumersStatus: The objects that name an output, if the operator lists them.
type ConsumersStatus struct {
	// How many of them still have what the outputs held before.
	//
	// The default is 0.
	Behind *int64 `json:"behind,omitempty"`
	// How many there are of each kind.
	Counts map[string]int64 `json:"counts"`
	// The resources that the operator may not list.
	Forbidden []string `json:"forbidden,omitempty"`
	// The first of them, those that are behind before the others.
	Objects []ConsumerStatus `json:"objects,omitempty"`
	// When they were listed: during a rotation, and else when the status is written anyway.
	ObservedAt metav1.Time `json:"observedAt"`
	// The custom resources that the API server could not list, for instance since their conversion webhook is down.
	// The operator's log has the cause.
	Unread []string `json:"unread,omitempty"`
}

// ConsumerStatus: An object that names an output.
type ConsumerStatus struct {
	// Set on a Pod that still runs with what an output held before, and on whatever names an earlier version of one.
	Behind *bool `json:"behind,omitempty"`
	// Its kind.
	Kind string `json:"kind"`
	// Its name.
	Name string `json:"name"`
}

// Deferral: Set while GitHub gives no answer about the token.
type Deferral struct {
	// GitHub's answer if its cause is not known: the status, and the id of the request for GitHub's support. The
	// first one stays until the reason or the status is another one.
	Answer string `json:"answer,omitempty"`
	// When refusals of the token are believed again at the latest, if they are held back since the host refuses
	// many.
	IncidentEndsAt *metav1.Time `json:"incidentEndsAt,omitempty"`
	// When the limit ends, if GitHub named an instant. It is written when something else changes, like nextCheckAt.
	NotBefore *metav1.Time `json:"notBefore,omitempty"`
	// What the last one brought.
	Reason string `json:"reason"`
	// The first question without an answer.
	Since metav1.Time `json:"since"`
}

// FurtherRequirements: The demands that have no line in requirements, so that the status stays below 8 KiB.
type FurtherRequirements struct {
	// When GitHub said so, in the same form.
	At string `json:"at"`
	// How many there are.
	Count int32 `json:"count"`
	// How many of them are not met.
	NotMet *int32 `json:"notMet,omitempty"`
	// On which other repositories, organizations or accounts than those of the spec permissions were proven.
	On []string `json:"on,omitempty"`
	// What GitHub showed, in a form that only the operator reads.
	Proofs string `json:"proofs"`
}

// ReadyChange: A change of Ready.
type ReadyChange struct {
	// When it changed.
	At metav1.Time `json:"at"`
	// What Ready says since.
	Ready ConditionStatus `json:"ready"`
	// Why, in one word.
	Reason string `json:"reason"`
}

// Links: Pages that help.
type Links struct {
	// Where to mend what the first demand lacks that is not met.
	ActOn string `json:"actOn,omitempty"`
	// Where to mend what the others lack, each page once.
	AlsoActOn []string `json:"alsoActOn,omitempty"`
	// GitHub's form for a new token, filled in as far as GitHub allows. It may ignore the permissions of a
	// fine-grained token.
	CreateToken string `json:"createToken"`
	// What to choose and tick in that form, which may ignore what its address says.
	FillIn string `json:"fillIn,omitempty"`
	// The token's own page, if GitHub named its number.
	Token string `json:"token,omitempty"`
}

// OutputStatus: A Secret that holds a proven token.
type OutputStatus struct {
	// The name of the present version, of a versioned output.
	CurrentName string `json:"currentName,omitempty"`
	// How the token is laid out in it.
	Format Format `json:"format"`
	// Its name, as the spec has it.
	SecretName string `json:"secretName"`
}

// PermissionProofs: What is known of permissions on each repository or organization, if several are demanded.
type PermissionProofs struct {
	// When GitHub said so, in the same form.
	At string `json:"at"`
	// What GitHub showed, in a form that only the operator reads.
	Proofs string `json:"proofs"`
}

// RequirementStatus: One demand that GitHub is asked about, and what is known of it.
type RequirementStatus struct {
	// GitHub's answer if its cause is not known: the status, and the id of the request for GitHub's support. The
	// first one stays.
	Answer string `json:"answer,omitempty"`
	// Set if the repository is archived.
	Archived *bool `json:"archived,omitempty"`
	// GitHub said so at this instant or later; refreshed like checkedAt.
	At *metav1.Time `json:"at,omitempty"`
	// What is demanded.
	Kind RequirementKind `json:"kind"`
	// The longest lifetime in days that the policy of the organization allows, if GitHub named one.
	LongestDays *int32 `json:"longestDays,omitempty"`
	// The name that the repository has now.
	MovedTo string `json:"movedTo,omitempty"`
	// Of what, as in acme/app or contents: write.
	Name string `json:"name"`
	// On which repository or organization a permission was proven. If several are demanded, the first that says
	// otherwise; absent if it was proven on each of them.
	On string `json:"on,omitempty"`
	// Why, in one word for machines; docs/reasons.md explains each.
	Reason string `json:"reason"`
	// What an account may do in a repository:
	// <https://docs.github.com/en/organizations/managing-user-access-to-your-organizations-repositories/managing-repository-roles/repository-roles-for-an-organization>.
	Role Role `json:"role,omitempty"`
	// Whether it is met; Unproven if no request that only reads can tell.
	State RequirementState `json:"state"`
	// Who sees a repository.
	Visibility Visibility `json:"visibility,omitempty"`
}

// RequirementKind: What is demanded.
type RequirementKind string

const (
	RequirementKindOrganization        RequirementKind = "Organization"
	RequirementKindRepository          RequirementKind = "Repository"
	RequirementKindPush                RequirementKind = "Push"
	RequirementKindPermission          RequirementKind = "Permission"
	RequirementKindForbiddenPermission RequirementKind = "ForbiddenPermission"
	RequirementKindPackage             RequirementKind = "Package"
)

// Role: What an account may do in a repository:
// <https://docs.github.com/en/organizations/managing-user-access-to-your-organizations-repositories/managing-repository-roles/repository-roles-for-an-organization>.
type Role string

const (
	RoleRead     Role = "Read"
	RoleTriage   Role = "Triage"
	RoleWrite    Role = "Write"
	RoleMaintain Role = "Maintain"
	RoleAdmin    Role = "Admin"
)

// RequirementState: Whether it is met; Unproven if no request that only reads can tell.
type RequirementState string

const (
	RequirementStateMet      RequirementState = "Met"
	RequirementStateNotMet   RequirementState = "NotMet"
	RequirementStateUnproven RequirementState = "Unproven"
	RequirementStateUnknown  RequirementState = "Unknown"
)

// Visibility: Who sees a repository.
type Visibility string

const (
	VisibilityPublic   Visibility = "Public"
	VisibilityInternal Visibility = "Internal"
	VisibilityPrivate  Visibility = "Private"
)

// RotationStatus: The last change from one token in use to the next.
type RotationStatus struct {
	// Tokens that were in use before or between the two, since rotations began before earlier ones were over: they
	// are to be revoked too. The latest last.
	FurtherOldTokens []FurtherOldToken `json:"furtherOldTokens,omitempty"`
	// The rotation to a token that every output held when the new one came. It goes on if that token comes back
	// before the new one is proven, and no output has another one by then.
	Interrupted *InterruptedRotation `json:"interrupted,omitempty"`
	// What is awaited, or what to do with the old token.
	Message string `json:"message"`
	// The token that takes its place.
	NewToken RotatedToken `json:"newToken"`
	// The host of the old token, if spec.host has become another one since: it is to be revoked there.
	OldHost string `json:"oldHost,omitempty"`
	// The token that was in use.
	OldToken RotatedToken `json:"oldToken"`
	// Set if the old token is of no use any more, so that it need not be revoked: BadCredentials or Expired.
	OldTokenEnded string `json:"oldTokenEnded,omitempty"`
	// How many other connections still hold the old token in an output or have not ended their own rotation from it,
	// once that is all that is waited for.
	OtherConnections *int64 `json:"otherConnections,omitempty"`
	// How far it is.
	Phase Phase `json:"phase"`
	// When every output held the new token, rounded up to a whole second: what started before may have the old one.
	PublishedAt *metav1.Time `json:"publishedAt,omitempty"`
	// The page on which the old token can be revoked, once that is safe.
	RevokeAt string `json:"revokeAt,omitempty"`
	// When the operator saw that another token is to be in use.
	StartedAt metav1.Time `json:"startedAt"`
	// When outputs had to be written anew the last time, since one of them had another token after every output held
	// the new one: workloads of spec.restart are restarted once more.
	WrittenAnewAt *metav1.Time `json:"writtenAnewAt,omitempty"`
	// When the operator began to write the new token to outputs, rounded up to a whole second, until every output
	// holds it. Absent as long as none can have it.
	WrittenAt *metav1.Time `json:"writtenAt,omitempty"`
}

// FurtherOldToken: A token that is to be revoked too.
type FurtherOldToken struct {
	// Base64 of its SHA-256, by which GitHub's audit log can be searched.
	HashedToken string `json:"hashedToken"`
	// Its kind, from its prefix.
	Kind TokenKind `json:"kind"`
	// The login of its account, if it is known.
	Login string `json:"login,omitempty"`
}

// InterruptedRotation: The rotation to a token that every output held when the new one came. It goes on if that
// token comes back before the new one is proven, and no output has another one by then.
type InterruptedRotation struct {
	// Base64 of the SHA-256 of its new token.
	HashedToken string `json:"hashedToken"`
	// Its publishedAt.
	PublishedAt metav1.Time `json:"publishedAt"`
	// Its startedAt.
	StartedAt metav1.Time `json:"startedAt"`
	// Its writtenAnewAt.
	WrittenAnewAt *metav1.Time `json:"writtenAnewAt,omitempty"`
}

// RotatedToken: The token that takes its place.
type RotatedToken struct {
	// Base64 of its SHA-256, by which GitHub's audit log can be searched.
	HashedToken string `json:"hashedToken"`
	// Its kind, from its prefix.
	Kind TokenKind `json:"kind"`
	// The login of its account, if it is known.
	Login string `json:"login,omitempty"`
	// The Secret it was read from.
	SecretName string `json:"secretName"`
}

// Phase: How far it is.
type Phase string

const (
	PhaseProving             Phase = "Proving"
	PhasePublishing          Phase = "Publishing"
	PhaseRestarting          Phase = "Restarting"
	PhaseWaitingForConsumers Phase = "WaitingForConsumers"
	PhaseSafeToRevoke        Phase = "SafeToRevoke"
)

// Withdrawal: Set while spec.withdrawAfter counts, and until the outputs are of use again.
type Withdrawal struct {
	// When the outputs are deleted, or a token that stands by takes over, if that does not end before.
	At metav1.Time `json:"at"`
	// Since when the operator is sure that the token is of no use, or has not found the source Secret. A refusal is
	// sure with one that comes ten minutes after the first, or later.
	Since metav1.Time `json:"since"`
	// Set if it is that the source Secret is missing, which is counted by itself.
	SourceMissing *bool `json:"sourceMissing,omitempty"`
}

// WithdrawnOutput: An output that was deleted and is to be made again, if others had put labels or annotations
// on it.
type WithdrawnOutput struct {
	// The annotations that others had put on it, but for values that might hold a token.
	Annotations map[string]string `json:"annotations,omitempty"`
	// The labels that others had put on it.
	Labels map[string]string `json:"labels,omitempty"`
	// Its name.
	SecretName string `json:"secretName"`
}
