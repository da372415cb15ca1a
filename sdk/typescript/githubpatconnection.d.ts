// Generated from the CustomResourceDefinition, and not to be edited: see README.md.

/** The metadata of an object, as far as programs mostly look at it. */
export interface ObjectMeta {
  name?: string;
  namespace?: string;
  uid?: string;
  generation?: number;
  resourceVersion?: string;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  [field: string]: unknown;
}

/** A connection: what is demanded of a GitHub personal access token, and where it is published. */
export interface GithubPatConnection {
  apiVersion: "githubpat.dev/v1alpha1";
  kind: "GithubPatConnection";
  metadata: ObjectMeta;
  spec: GithubPatConnectionSpec;
  /** What the operator writes. */
  status?: GithubPatConnectionStatus;
}

/** Connections as the API server lists them. */
export interface GithubPatConnectionList {
  apiVersion: "githubpat.dev/v1alpha1";
  kind: "GithubPatConnectionList";
  metadata: { resourceVersion?: string; continue?: string; remainingItemCount?: number };
  items: GithubPatConnection[];
}

/**
 * Keeps a GitHub personal access token under watch: reads it from a Secret, asks GitHub whether it works for its
 * purpose, says so in the status, and writes proven tokens to the Secrets that workloads read.
 */
export interface GithubPatConnectionSpec {
  /**
   * The account whose token it must be. A token of another account is not published, so that nobody's own token
   * takes the place of a bot's by mistake.
   */
  expect?: Expectation;
  /**
   * How long a token stays in use before one that is preferred to it comes back, from 0s to 24h; 10m if it is not
   * given.
   */
  holdDown?: string;
  /**
   * The GitHub host that the token was made on, by its name in the operator's settings. `github.com` is built in;
   * an Enterprise Server or a tenant of ghe.com is added there by an administrator.
   *
   * The default is "github.com".
   */
  host?: string;
  /**
   * How often GitHub is asked about an accepted token, from 10s to 24h. The operator's settings have a minimum, to
   * which a shorter interval is raised.
   *
   * The default is "30m".
   */
  interval?: string;
  /**
   * What becomes of the outputs when the token turns invalid: Retain lets them keep the last proven token,
   * Withdraw deletes those that hold this token once GitHub has refused it three times over at least ten minutes,
   * its expiry is confirmed, or the requirements do not hold. An outage or a rate limit does not make it invalid.
   *
   * The default is "Retain".
   */
  onInvalid?: OnInvalid;
  /**
   * The Secrets to write the token to once GitHub has accepted it and the requirements hold. They go with the
   * connection.
   */
  publish?: Output[];
  /** What the token must be and have to be of use. */
  require?: Requirement;
  /**
   * The workloads whose Pods are replaced once every output holds a new token, as `kubectl rollout restart` does
   * it. The first token of a connection restarts nothing.
   */
  restart?: Workload[];
  /** The Secret that holds the token, in the namespace of the connection. */
  secretRef: SecretKeyRef;
  /**
   * Secrets with further tokens, in order of preference after secretRef. Each is judged by the same requirements;
   * the first one that is usable takes over when the token in use is refused, has expired or does not meet the
   * requirements.
   */
  standby?: SecretKeyRef[];
  /**
   * Whether to stop asking GitHub and to stop writing, until it is unset. What was published stays.
   *
   * The default is false.
   */
  suspend?: boolean;
  /**
   * How long before the expiry to warn. `NotExpiring` turns False at the longest, and its message changes at each.
   *
   * The default is ["720h","336h","168h","24h"].
   */
  warnBefore?: string[];
  /**
   * How long the outputs stay before they are deleted, from 10s. Without it, an invalid token costs them at once,
   * and a missing source Secret only those whose token GitHub has refused for good; with it, a source Secret that
   * is missing for so long costs all of them. Outputs in the formats of Argo CD and Flux go at once in any case
   * when the token is dead, since polling with it would lock its account.
   */
  withdrawAfter?: string;
}

/**
 * The account whose token it must be. A token of another account is not published, so that nobody's own token
 * takes the place of a bot's by mistake.
 */
export interface Expectation {
  /** The login of the account, in any case. It changes when the account is renamed. */
  login?: string;
  /** The numeric id of the account, which stays when it is renamed. It decides where login is given too. */
  userId?: number;
}

/**
 * What becomes of the outputs when the token turns invalid: Retain lets them keep the last proven token,
 * Withdraw deletes those that hold this token once GitHub has refused it three times over at least ten minutes,
 * its expiry is confirmed, or the requirements do not hold. An outage or a rate limit does not make it invalid.
 */
export type OnInvalid =
  | "Retain"
  | "Withdraw";

/** One Secret that workloads read the token from. */
export interface Output {
  /** Annotations to put on the Secret. They are kept up to date; those of others stay. */
  annotations?: Record<string, string>;
  /**
   * A pull secret of the namespace whose entries DockerConfigJson takes too, so that one pull secret serves
   * several registries. For a registry that this output signs in to itself, its own entry counts.
   */
  extraEntriesFrom?: EntriesRef;
  /**
   * How the token is laid out in it, by the program that reads it. Env, Renovate and TerraformGithub are variables
   * of the environment; GitCredentials, Netrc, Npmrc, MavenSettings, NuGetConfig and GhHosts are files.
   */
  format: Format;
  /**
   * How many earlier versions stay beside the present one at most, 2 by default. The oldest goes when a new one is
   * made; where the operator lists consumers, one that none of them names goes sooner.
   */
  keepVersions?: number;
  /** The key of Opaque under which the token stands, by default token. */
  key?: string;
  /** Labels to put on the Secret. They are kept up to date; those of others stay. */
  labels?: Record<string, string>;
  /**
   * The account or organization whose packages are meant (Npmrc, NuGetConfig), or that is managed
   * (TerraformGithub, CrossplaneGithub).
   */
  owner?: string;
  /** The project of Argo CD that may use the repository; without it, every project may. */
  project?: string;
  /** Whether DockerConfigJson shall pull public images only, so that the scope read:packages is not needed. */
  publicOnly?: boolean;
  /** The registries of DockerConfigJson, in place of the one of the host, as in ghcr.io or ghcr.io/acme. */
  registries?: string[];
  /**
   * The Secret to create, in the namespace of the connection. A Secret of this name that the connection did not
   * make is left alone.
   */
  secretName: string;
  /**
   * The URLs for which Tekton shall use BasicAuth, as in `https://github.com`: they become the annotations
   * tekton.dev/git-0, tekton.dev/git-1 and so on. Each must be on the host of the connection.
   */
  tektonGit?: string[];
  /**
   * The repository of ArgoCDRepository and ArgoCDRepositoryWrite, or with what the URLs of the repositories begin
   * for ArgoCDRepoCreds and ArgoCDRepoCredsWrite. It must be on the host of the connection.
   */
  url?: string;
  /**
   * Whether each token gets an immutable Secret of its own. Its name is secretName, a hyphen and ten hexadecimal
   * digits; status.outputs has the present one. A kubelet proves a new token for its images only under a new name.
   */
  versioned?: boolean;
}

/**
 * A pull secret of the namespace whose entries DockerConfigJson takes too, so that one pull secret serves
 * several registries. For a registry that this output signs in to itself, its own entry counts.
 */
export interface EntriesRef {
  /**
   * The key whose value has the entries, in the form of Docker's config.json.
   *
   * The default is ".dockerconfigjson".
   */
  key?: string;
  /** The name of the Secret. */
  name: string;
}

/**
 * How the token is laid out in it, by the program that reads it. Env, Renovate and TerraformGithub are variables
 * of the environment; GitCredentials, Netrc, Npmrc, MavenSettings, NuGetConfig and GhHosts are files.
 */
export type Format =
  | "Opaque"
  | "Env"
  | "BasicAuth"
  | "GitCredentials"
  | "Netrc"
  | "DockerConfigJson"
  | "Npmrc"
  | "MavenSettings"
  | "NuGetConfig"
  | "ArgoCDRepository"
  | "ArgoCDRepositoryWrite"
  | "ArgoCDRepoCreds"
  | "ArgoCDRepoCredsWrite"
  | "FluxGit"
  | "FluxNotification"
  | "ActionsRunnerController"
  | "GhHosts"
  | "CrossplaneGithub"
  | "Renovate"
  | "TerraformGithub"
  | "Jenkins";

/** What the token must be and have to be of use. */
export interface Requirement {
  /**
   * What becomes of a token with scopes beyond `scopes`: Report lists them in the status, Refuse makes the
   * requirements fail.
   */
  excess?: Excess;
  /** What is demanded of the token's expiry. */
  expiry?: ExpiryRule;
  /** What the token must not have. */
  forbid?: Forbid;
  /**
   * The kinds of token that are allowed. Tokens of other kinds are asked about too, and are then refused by name.
   *
   * The default is ["Classic","FineGrained"].
   */
  kinds?: TokenKind[];
  /** Organizations that must let the token in, and of which its account must be a member. */
  organizations?: OrganizationDemand[];
  /**
   * Container images that the token must be able to pull from the host's registry. GitHub's takes classic tokens
   * only.
   */
  packages?: PackageDemand[];
  /**
   * Permissions that a fine-grained token must have, by GitHub's keys, as in `contents: write`. They bind
   * fine-grained tokens.
   */
  permissions?: Record<string, Level>;
  /** Repositories that the token must see, or to which git must take its pushes. */
  repositories?: RepositoryDemand[];
  /**
   * Classic scopes that the token must have, itself or by a larger scope: `repo` satisfies `public_repo`. They
   * bind tokens that have scopes. A fine-grained token has none; it is refused unless `permissions` says what it
   * needs.
   *
   * The default is [].
   */
  scopes?: string[];
  /**
   * What becomes of what no request that only reads can prove: Accept counts it as met, Refuse makes the
   * requirements fail.
   */
  unproven?: Unproven;
}

/**
 * What becomes of a token with scopes beyond `scopes`: Report lists them in the status, Refuse makes the
 * requirements fail.
 */
export type Excess =
  | "Report"
  | "Refuse";

/** What is demanded of the token's expiry. */
export interface ExpiryRule {
  /**
   * When the token ends, if GitHub does not tell or tells a later end: it only ever makes the end earlier. As in
   * `2027-01-31T00:00:00Z`.
   */
  expiresAt?: string;
  /**
   * The longest lifetime, counted from the first time the operator saw GitHub accept the token, since a bearer
   * cannot learn when a token was made. A token without expiry violates it. As in `8784h`.
   */
  maxLifetime?: string;
  /** The least time that must be left. As in `24h`. */
  minRemaining?: string;
  /**
   * Whether the token must expire at all.
   *
   * The default is false.
   */
  required?: boolean;
}

/** What the token must not have. */
export interface Forbid {
  /**
   * Permissions that a fine-grained token must not have, by GitHub's keys, each with the lowest level that is
   * forbidden.
   */
  permissions?: Record<string, Level>;
  /** Classic scopes that the token must not have, neither itself nor by a larger scope. */
  scopes?: string[];
}

/** How much a permission allows. Each level includes those before it. */
export type Level =
  | "read"
  | "write"
  | "admin";

/**
 * A kind of GitHub token, told by its prefix: Classic (ghp_) and FineGrained (github_pat_) personal access
 * tokens, tokens of an OAuth app or of `gh auth login` (OAuth, gho_), of a GitHub App for a user (AppUser, ghu_)
 * and for an installation (AppInstallation, ghs_).
 */
export type TokenKind =
  | "Classic"
  | "FineGrained"
  | "OAuth"
  | "AppUser"
  | "AppInstallation";

/** An organization that must let the token in. */
export interface OrganizationDemand {
  /** Its login, as in `acme`. */
  name: string;
}

/** A container image that the token must be able to pull. */
export interface PackageDemand {
  /** Its name in the registry, as in `acme/app`, without the registry and without a tag. */
  name: string;
}

/** A repository that the token must reach. */
export interface RepositoryDemand {
  /**
   * Whether the token must only see it, or git must take a push too.
   *
   * The default is "Read".
   */
  access?: Access;
  /** Its owner and name, as in `acme/app`. */
  name: string;
}

/** Whether the token must only see it, or git must take a push too. */
export type Access =
  | "Read"
  | "Push";

/**
 * What becomes of what no request that only reads can prove: Accept counts it as met, Refuse makes the
 * requirements fail.
 */
export type Unproven =
  | "Accept"
  | "Refuse";

/** A workload in the namespace of the connection. */
export interface Workload {
  /** The kind: Deployment, StatefulSet or DaemonSet. */
  kind: WorkloadKind;
  /** The name. */
  name: string;
}

/** The kind: Deployment, StatefulSet or DaemonSet. */
export type WorkloadKind =
  | "Deployment"
  | "StatefulSet"
  | "DaemonSet";

/** The Secret that holds the token, in the namespace of the connection. */
export interface SecretKeyRef {
  /**
   * The key whose value is the token.
   *
   * The default is "token".
   */
  key?: string;
  /** The name of the Secret. */
  name: string;
}

/** What is known of the connection. Every instant says when something happened. */
export interface GithubPatConnectionStatus {
  /** The Secrets that the token may come from, in order of preference; there if spec.standby names any. */
  candidates?: CandidateStatus[];
  /**
   * Ready sums up SecretResolved, Authenticated, RequirementsMet, NotExpiring and Published. True is good in each.
   *
   * The default is [].
   */
  conditions?: Condition[];
  /** The objects that name an output, if the operator lists them. */
  consumers?: ConsumersStatus;
  /** Set while GitHub gives no answer about the token. */
  deferral?: Deferral;
  /** The demands that have no line in requirements, so that the status stays below 8 KiB. */
  furtherRequirements?: FurtherRequirements;
  /**
   * The last ten changes of Ready, the latest last. The first of all is the first judgement, once another one has
   * come.
   */
  history?: ReadyChange[];
  /**
   * The value of the annotation githubpat.dev/requestedAt that was last acted on: GitHub was asked when it
   * changed.
   */
  lastHandledRequest?: string;
  /** Pages that help. */
  links?: Links;
  /**
   * When GitHub is asked about the token next at the latest. It is written when something else changes, so it may
   * lie in the past while nothing does.
   */
  nextCheckAt?: string;
  /** The generation of the spec that this status speaks of. */
  observedGeneration?: number;
  /** The Secrets that hold a proven token for workloads; the first of them, if there is no room for all. */
  outputs?: OutputStatus[];
  /** What is known of permissions on each repository or organization, if several are demanded. */
  permissionProofs?: PermissionProofs;
  /**
   * The demands that GitHub is asked about, one line each; those that are not met first, if there is no room for
   * all.
   */
  requirements?: RequirementStatus[];
  /** The last change from one token in use to the next. */
  rotation?: RotationStatus;
  /** The token that was last seen in the Secret. */
  token?: TokenStatus;
  /** Set while spec.withdrawAfter counts, and until the outputs are of use again. */
  withdrawal?: Withdrawal;
  /** What others had put on outputs that were deleted, for when these are made again, 900 bytes in all at most. */
  withdrawnOutputs?: WithdrawnOutput[];
}

/** A Secret that the token may come from. */
export interface CandidateStatus {
  /** Set if its token is in use. All that is known of that stands in status.token. */
  inUse?: boolean;
  /**
   * Why it is not usable, and what to do about it; of a preferred one that is usable and not in use, what it waits
   * for.
   */
  message?: string;
  /** Why, in one word for machines; docs/reasons.md explains each. */
  reason: string;
  /** The Secret. */
  secretName: string;
  /** Since when its token is in use. */
  since?: string;
  /** What is known of its token; of the one in use only what tells it apart, and its expiry. */
  token?: TokenStatus;
  /** Whether its token could be in use. */
  usable: ConditionStatus;
}

/** What is known of its token; of the one in use only what tells it apart, and its expiry. */
export interface TokenStatus {
  /** Who accepted it before, so that outputs may hold it; as long as `host` has not accepted it. */
  acceptedBefore?: AcceptedBefore;
  /**
   * GitHub accepted it at this instant or later: refreshed when something changed or when it is older than the
   * heartbeat of the settings, not at each check.
   */
  checkedAt?: string;
  /**
   * Scopes beyond those that are demanded, which nobody needs by what the connection says; the first of them, if
   * there is no room for all.
   */
  excess?: string[];
  /** When it ends, if GitHub named an expiry. */
  expiresAt?: string;
  /** Set if the expiry had passed when GitHub accepted the token; it counts for nothing then. */
  expiryImplausible?: boolean;
  /** Set if GitHub named an expiry in a form that could not be read. */
  expiryUnreadable?: boolean;
  /** When GitHub was first seen to accept it. */
  firstProvenAt?: string;
  /** Why a token may have been cut or mistyped: said, never judged, since GitHub asks to treat tokens as opaque. */
  flaw?: Flaw;
  /** Base64 of its SHA-256, by which GitHub's audit log can be searched. */
  hashedToken: string;
  /**
   * The numbers of organizations that single sign-on left out of GitHub's answers, since the token is not
   * authorized for it; the first ten.
   */
  hiddenOrganizations?: number[];
  /** The host that was asked about it. */
  host: string;
  /**
   * GitHub's number of the token, if a policy of an organization named it. It is part of the address of the
   * token's page.
   */
  id?: number;
  /** Its kind, from its prefix. */
  kind: TokenKind;
  /** The login of its account. */
  login?: string;
  /**
   * Whose token was there before, or what the login was, if that is another one. It goes with the next token of
   * the same account, and once spec.expect names the account.
   */
  previousAccount?: PreviousAccount;
  /** The refusals since. */
  refused?: Refusals;
  /**
   * Its classic scopes as GitHub lists them; absent for tokens that have none by nature, empty for a classic token
   * without.
   */
  scopes?: string[];
  /** The Secret it was read from. */
  secretName: string;
  /** The numeric id of its account, which stays when the login is renamed. */
  userId?: number;
}

/** Who accepted it before, so that outputs may hold it; as long as `host` has not accepted it. */
export interface AcceptedBefore {
  /** The name of the host. */
  host: string;
  /** The login of its account there. */
  login?: string;
}

/** Why a token may have been cut or mistyped: said, never judged, since GitHub asks to treat tokens as opaque. */
export type Flaw =
  | "Length"
  | "Checksum";

/**
 * Whose token was there before, or what the login was, if that is another one. It goes with the next token of
 * the same account, and once spec.expect names the account.
 */
export interface PreviousAccount {
  /** Its login. */
  login: string;
  /** When the operator saw that it is another one. */
  until: string;
  /** Its numeric id. */
  userId: number;
}

/** The refusals since. */
export interface Refusals {
  /** How many there were. */
  count: number;
  /** The first of them. */
  first: string;
  /** The last of them. */
  last: string;
  /**
   * How many in a row are believed: two, but one if the checksum of a token that was never accepted is wrong, and
   * three of a token that the host refused together with many others.
   *
   * The default is 2.
   */
  needed?: number;
  /** What GitHub said the last time. */
  reason: string;
}

/** Whether its token could be in use. */
export type ConditionStatus =
  | "True"
  | "False"
  | "Unknown";

/** One aspect of the connection, with the fields and limits of metav1.Condition. */
export interface Condition {
  /** When the status last changed. */
  lastTransitionTime: string;
  /** Why, and what to do about it, in one sentence for people. */
  message: string;
  /** The generation of the spec that it speaks of. */
  observedGeneration?: number;
  /** Why, in one word for machines; docs/reasons.md explains each. */
  reason: string;
  /** Whether it holds. */
  status: ConditionStatus;
  /** The aspect. */
  type: string;
}

/** The objects that name an output, if the operator lists them. */
export interface ConsumersStatus {
  /**
   * How many of them still have what the outputs held before.
   *
   * The default is 0.
   */
  behind?: number;
  /** How many there are of each kind. */
  counts: Record<string, number>;
  /** The resources that the operator may not list. */
  forbidden?: string[];
  /** The first of them, those that are behind before the others. */
  objects?: ConsumerStatus[];
  /** When they were listed: during a rotation, and else when the status is written anyway. */
  observedAt: string;
  /**
   * The custom resources that the API server could not list, for instance since their conversion webhook is down.
   * The operator's log has the cause.
   */
  unread?: string[];
}

/** An object that names an output. */
export interface ConsumerStatus {
  /** Set on a Pod that still runs with what an output held before, and on whatever names an earlier version of one. */
  behind?: boolean;
  /** Its kind. */
  kind: string;
  /** Its name. */
  name: string;
}

/** Set while GitHub gives no answer about the token. */
export interface Deferral {
  /**
   * GitHub's answer if its cause is not known: the status, and the id of the request for GitHub's support. The
   * first one stays until the reason or the status is another one.
   */
  answer?: string;
  /**
   * When refusals of the token are believed again at the latest, if they are held back since the host refuses
   * many.
   */
  incidentEndsAt?: string;
  /** When the limit ends, if GitHub named an instant. It is written when something else changes, like nextCheckAt. */
  notBefore?: string;
  /** What the last one brought. */
  reason: string;
  /** The first question without an answer. */
  since: string;
}

/** The demands that have no line in requirements, so that the status stays below 8 KiB. */
export interface FurtherRequirements {
  /** When GitHub said so, in the same form. */
  at: string;
  /** How many there are. */
  count: number;
  /** How many of them are not met. */
  notMet?: number;
  /** On which other repositories, organizations or accounts than those of the spec permissions were proven. */
  on?: string[];
  /** What GitHub showed, in a form that only the operator reads. */
  proofs: string;
}

/** A change of Ready. */
export interface ReadyChange {
  /** When it changed. */
  at: string;
  /** What Ready says since. */
  ready: ConditionStatus;
  /** Why, in one word. */
  reason: string;
}

/** Pages that help. */
export interface Links {
  /** Where to mend what the first demand lacks that is not met. */
  actOn?: string;
  /** Where to mend what the others lack, each page once. */
  alsoActOn?: string[];
  /**
   * GitHub's form for a new token, filled in as far as GitHub allows. It may ignore the permissions of a
   * fine-grained token.
   */
  createToken: string;
  /** What to choose and tick in that form, which may ignore what its address says. */
  fillIn?: string;
  /** The token's own page, if GitHub named its number. */
  token?: string;
}

/** A Secret that holds a proven token. */
export interface OutputStatus {
  /** The name of the present version, of a versioned output. */
  currentName?: string;
  /** How the token is laid out in it. */
  format: Format;
  /** Its name, as the spec has it. */
  secretName: string;
}

/** What is known of permissions on each repository or organization, if several are demanded. */
export interface PermissionProofs {
  /** When GitHub said so, in the same form. */
  at: string;
  /** What GitHub showed, in a form that only the operator reads. */
  proofs: string;
}

/** One demand that GitHub is asked about, and what is known of it. */
export interface RequirementStatus {
  /**
   * GitHub's answer if its cause is not known: the status, and the id of the request for GitHub's support. The
   * first one stays.
   */
  answer?: string;
  /** Set if the repository is archived. */
  archived?: boolean;
  /** GitHub said so at this instant or later; refreshed like checkedAt. */
  at?: string;
  /** What is demanded. */
  kind: RequirementKind;
  /** The longest lifetime in days that the policy of the organization allows, if GitHub named one. */
  longestDays?: number;
  /** The name that the repository has now. */
  movedTo?: string;
  /** Of what, as in acme/app or contents: write. */
  name: string;
  /**
   * On which repository or organization a permission was proven. If several are demanded, the first that says
   * otherwise; absent if it was proven on each of them.
   */
  on?: string;
  /** Why, in one word for machines; docs/reasons.md explains each. */
  reason: string;
  /**
   * What an account may do in a repository:
   * <https://docs.github.com/en/organizations/managing-user-access-to-your-organizations-repositories/managing-repository-roles/repository-roles-for-an-organization>.
   */
  role?: Role;
  /** Whether it is met; Unproven if no request that only reads can tell. */
  state: RequirementState;
  /** Who sees a repository. */
  visibility?: Visibility;
}

/** What is demanded. */
export type RequirementKind =
  | "Organization"
  | "Repository"
  | "Push"
  | "Permission"
  | "ForbiddenPermission"
  | "Package";

/**
 * What an account may do in a repository:
 * <https://docs.github.com/en/organizations/managing-user-access-to-your-organizations-repositories/managing-repository-roles/repository-roles-for-an-organization>.
 */
export type Role =
  | "Read"
  | "Triage"
  | "Write"
  | "Maintain"
  | "Admin";

/** Whether it is met; Unproven if no request that only reads can tell. */
export type RequirementState =
  | "Met"
  | "NotMet"
  | "Unproven"
  | "Unknown";

/** Who sees a repository. */
export type Visibility =
  | "Public"
  | "Internal"
  | "Private";

/** The last change from one token in use to the next. */
export interface RotationStatus {
  /**
   * Tokens that were in use before or between the two, since rotations began before earlier ones were over: they
   * are to be revoked too. The latest last.
   */
  furtherOldTokens?: FurtherOldToken[];
  /**
   * The rotation to a token that every output held when the new one came. It goes on if that token comes back
   * before the new one is proven, and no output has another one by then.
   */
  interrupted?: InterruptedRotation;
  /** What is awaited, or what to do with the old token. */
  message: string;
  /** The token that takes its place. */
  newToken: RotatedToken;
  /** The host of the old token, if spec.host has become another one since: it is to be revoked there. */
  oldHost?: string;
  /** The token that was in use. */
  oldToken: RotatedToken;
  /** Set if the old token is of no use any more, so that it need not be revoked: BadCredentials or Expired. */
  oldTokenEnded?: string;
  /**
   * How many other connections still hold the old token in an output or have not ended their own rotation from it,
   * once that is all that is waited for.
   */
  otherConnections?: number;
  /** How far it is. */
  phase: Phase;
  /** When every output held the new token, rounded up to a whole second: what started before may have the old one. */
  publishedAt?: string;
  /** The page on which the old token can be revoked, once that is safe. */
  revokeAt?: string;
  /** When the operator saw that another token is to be in use. */
  startedAt: string;
  /**
   * When outputs had to be written anew the last time, since one of them had another token after every output held
   * the new one: workloads of spec.restart are restarted once more.
   */
  writtenAnewAt?: string;
  /**
   * When the operator began to write the new token to outputs, rounded up to a whole second, until every output
   * holds it. Absent as long as none can have it.
   */
  writtenAt?: string;
}

/** A token that is to be revoked too. */
export interface FurtherOldToken {
  /** Base64 of its SHA-256, by which GitHub's audit log can be searched. */
  hashedToken: string;
  /** Its kind, from its prefix. */
  kind: TokenKind;
  /** The login of its account, if it is known. */
  login?: string;
}

/**
 * The rotation to a token that every output held when the new one came. It goes on if that token comes back
 * before the new one is proven, and no output has another one by then.
 */
export interface InterruptedRotation {
  /** Base64 of the SHA-256 of its new token. */
  hashedToken: string;
  /** Its publishedAt. */
  publishedAt: string;
  /** Its startedAt. */
  startedAt: string;
  /** Its writtenAnewAt. */
  writtenAnewAt?: string;
}

/** The token that takes its place. */
export interface RotatedToken {
  /** Base64 of its SHA-256, by which GitHub's audit log can be searched. */
  hashedToken: string;
  /** Its kind, from its prefix. */
  kind: TokenKind;
  /** The login of its account, if it is known. */
  login?: string;
  /** The Secret it was read from. */
  secretName: string;
}

/** How far it is. */
export type Phase =
  | "Proving"
  | "Publishing"
  | "Restarting"
  | "WaitingForConsumers"
  | "SafeToRevoke";

/** Set while spec.withdrawAfter counts, and until the outputs are of use again. */
export interface Withdrawal {
  /** When the outputs are deleted, or a token that stands by takes over, if that does not end before. */
  at: string;
  /**
   * Since when the operator is sure that the token is of no use, or has not found the source Secret. A refusal is
   * sure with one that comes ten minutes after the first, or later.
   */
  since: string;
  /** Set if it is that the source Secret is missing, which is counted by itself. */
  sourceMissing?: boolean;
}

/** An output that was deleted and is to be made again, if others had put labels or annotations on it. */
export interface WithdrawnOutput {
  /** The annotations that others had put on it, but for values that might hold a token. */
  annotations?: Record<string, string>;
  /** The labels that others had put on it. */
  labels?: Record<string, string>;
  /** Its name. */
  secretName: string;
}
