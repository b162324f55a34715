#include "probes/bucket_facts.h"

#include <algorithm>

#include "base/duration.h"
#include "base/strings.h"
#include "catalog/s3_place.h"

namespace drwatch::probes {
namespace {

using model::Reason;
using model::Severity;

// The longest that the standard way back takes, by Amazon's documentation.
constexpr base::Duration kGlacierDelay = std::chrono::hours(5);
constexpr base::Duration kDeepArchiveDelay = std::chrono::hours(12);

BackupCheck Check(std::string name, bool ok, std::string message, std::string hint) {
  BackupCheck check;
  check.name = std::move(name);
  check.ok = ok;
  check.severity = Severity::kWarning;
  check.reason = ok ? Reason::kNone : Reason::kWrongSetting;
  check.message = std::move(message);
  if (!ok) check.hint = std::move(hint);
  return check;
}

// A promise that something is on (or off), beside what is.
BackupCheck Compare(std::string name, bool expected, bool is, const std::string& what,
                    std::string hint) {
  const std::string text = what + (is ? " is on" : " is off");
  return Check(std::move(name), expected == is,
               expected == is ? text : text + ", expected " + (expected ? "on" : "off"),
               std::move(hint));
}

void JudgeLock(const config::BackupProbe& spec, const BucketFacts& facts, base::Timestamp now,
               std::vector<BackupCheck>& checks) {
  if (!spec.expect.object_lock || !facts.newest) return;
  const auto until = LockedUntil(facts);
  const bool held = facts.newest->legal_hold;
  // Without a lock in sight it is only sure that there is none where the bucket has none at all.
  if (!until && !held && (!facts.object_lock || facts.object_lock->enabled)) return;
  const bool locked = held || (until && *until > now);
  std::string text = locked ? "the newest backup is locked" : "the newest backup is not locked";
  if (until) text += " until " + base::FormatRfc3339(*until);
  bool enough = locked;
  if (locked && !held && spec.retention && facts.newest->modified) {
    const base::Timestamp promised = *facts.newest->modified + *spec.retention;
    enough = *until + kRetentionTolerance >= promised;
    if (!enough) text += ", retention asks for " + base::FormatRfc3339(promised);
  }
  checks.push_back(Check("object_lock", *spec.expect.object_lock ? enough : !locked, text,
                         "set a default retention for the bucket's object lock"));
}

void JudgeReplication(const config::BackupProbe& spec, const BucketFacts& facts,
                      base::Timestamp now, std::vector<BackupCheck>& checks) {
  if (!spec.expect.replicated || !facts.newest) return;
  const std::string& status = facts.newest->replication;
  const bool young = facts.newest->modified && now - *facts.newest->modified < kReplicationGrace;
  const bool done = status == "COMPLETED" || status == "COMPLETE" || status == "REPLICA";
  const bool fine = done || (status == "PENDING" && young);
  checks.push_back(Check("replicated", fine == *spec.expect.replicated,
                         "replication of the newest backup: " +
                             (status.empty() ? "none" : base::Lower(base::Truncate(status, 40))),
                         "look at the bucket's replication rules and at the rights of their role"));
}

void JudgeLifecycle(const config::BackupProbe& spec, const BucketFacts& facts,
                    const std::string& prefix, std::vector<BackupCheck>& checks) {
  const auto expiration = LifecycleExpiration(facts, prefix);
  if (!spec.retention || (!facts.lifecycle && !expiration)) return;
  const bool fine = !expiration || *expiration >= *spec.retention;
  const std::string retention = base::FormatDuration(*spec.retention);
  checks.push_back(
      Check("lifecycle", fine,
            !expiration ? "no lifecycle rule deletes backups"
                        : "the bucket deletes backups after " + base::FormatDuration(*expiration) +
                              (fine ? "" : ", before their retention of " + retention + " ends"),
            "lengthen the expiration of the bucket's lifecycle rule"));
}

bool EndsWithAny(const std::string& key, const std::vector<std::string>& suffixes) {
  return suffixes.empty() || std::any_of(suffixes.begin(), suffixes.end(),
                                         [&key](const auto& one) { return key.ends_with(one); });
}

// Whether a lifecycle rule holds for the object. What is not known of it is taken for "no".
bool IsAbout(const net::S3LifecycleRule& rule, const std::string& key,
             const std::optional<net::S3Head>& head) {
  if (rule.filtered || !key.starts_with(rule.prefix) || !EndsWithAny(key, rule.suffixes)) {
    return false;
  }
  if (!rule.storage_classes.empty()) {
    if (!head) return false;
    const std::string is = head->storage_class.empty() ? "STANDARD" : head->storage_class;
    const auto& classes = rule.storage_classes;
    if (std::find(classes.begin(), classes.end(), is) == classes.end()) return false;
  }
  if (rule.larger_than && (!head || head->size <= *rule.larger_than)) return false;
  return !rule.smaller_than || (head && head->size < *rule.smaller_than);
}

}  // namespace

std::optional<bool> IsEncrypted(const BucketFacts& facts) {
  if (facts.newest) return !facts.newest->encryption.empty();
  if (facts.encryption) return !facts.encryption->empty();
  return std::nullopt;
}

std::optional<base::Timestamp> LockedUntil(const BucketFacts& facts) {
  return facts.newest ? facts.newest->locked_until : std::nullopt;
}

std::optional<base::Duration> LifecycleExpiration(const BucketFacts& facts,
                                                  const std::string& prefix) {
  const std::string& key = facts.newest_key.empty() ? prefix : facts.newest_key;
  std::optional<base::Duration> shortest;
  const auto take = [&shortest](base::Duration age) {
    shortest = shortest ? std::min(*shortest, age) : age;
  };
  const auto take_day = [&](const std::optional<base::Timestamp>& day) {
    if (!day || !facts.newest || !facts.newest->modified) return;
    take(std::max(base::Duration(0), *day - *facts.newest->modified));
  };
  if (facts.newest) take_day(facts.newest->expires);
  if (!facts.lifecycle) return shortest;
  for (const net::S3LifecycleRule& rule : *facts.lifecycle) {
    if (!IsAbout(rule, key, facts.newest)) continue;
    if (rule.expiration) take(*rule.expiration);
    take_day(rule.expires_on);
  }
  return shortest;
}

base::Duration DelayOf(const net::S3Head& head) {
  if (!catalog::NeedsRestore(head)) return base::Duration(0);
  const bool deep =
      head.storage_class == "DEEP_ARCHIVE" || head.archive_status == "DEEP_ARCHIVE_ACCESS";
  return deep ? kDeepArchiveDelay : kGlacierDelay;
}

std::optional<base::Duration> RetrievalDelay(const BucketFacts& facts) {
  if (!facts.newest) return std::nullopt;
  return DelayOf(*facts.newest);
}

std::optional<int> StaleUploads(const BucketFacts& facts, base::Timestamp now) {
  if (!facts.uploads) return std::nullopt;
  return static_cast<int>(
      std::count_if(facts.uploads->begin(), facts.uploads->end(),
                    [now](const auto& upload) { return now - upload.initiated > kStaleUpload; }));
}

std::vector<BackupCheck> JudgeBucket(const config::BackupProbe& spec, const BucketFacts& facts,
                                     const std::string& prefix, base::Timestamp now) {
  std::vector<BackupCheck> checks;
  const auto encrypted = IsEncrypted(facts);
  if (spec.expect.encrypted && encrypted) {
    checks.push_back(Compare("encrypted", *spec.expect.encrypted, *encrypted, "encryption at rest",
                             "set a default encryption for the bucket"));
  }
  if (spec.expect.versioning && facts.versioning) {
    checks.push_back(Compare("versioning", *spec.expect.versioning,
                             *facts.versioning == net::S3Versioning::kEnabled,
                             "the bucket's versioning", "turn the bucket's versioning on"));
  }
  JudgeLock(spec, facts, now, checks);
  JudgeReplication(spec, facts, now, checks);
  JudgeLifecycle(spec, facts, prefix, checks);
  return checks;
}

}  // namespace drwatch::probes
