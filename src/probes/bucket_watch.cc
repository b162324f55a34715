#include "probes/bucket_watch.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace drwatch::probes {
namespace {

using model::Reason;

// A legal hold ends when somebody ends it: the last second of the year 9999.
constexpr base::Timestamp kHeld = base::FromUnixMillis(253'402'300'799'000);

// pgBackRest and Barman keep segments in folders named by timeline and log.
constexpr std::size_t kWalGroupDigits = 16;

base::Timestamp LockOf(const net::S3Head& head) {
  return head.legal_hold ? kHeld : head.locked_until.value_or(base::Timestamp{});
}

// Whether asking again soon may help.
bool IsPassing(Reason reason) {
  return reason != Reason::kPermission && reason != Reason::kNotFound &&
         reason != Reason::kUnexpectedStatus && reason != Reason::kProtocol;
}

}  // namespace

// A setting that could not be read by mistake of the network stays as it was; one that may not be
// read is not known.
template <typename T>
void BucketWatch::Take(net::S3Result<T> result, std::optional<T>& fact) {
  if (result) {
    fact = *std::move(result);
  } else if (IsPassing(result.error().reason)) {
    cut_short_ = true;
  } else {
    fact.reset();
  }
}

void BucketWatch::LookAtSettings(const net::S3Call& call) {
  net::S3Client& client = place_.client();
  Take(client.GetVersioning(call), facts_.versioning);
  Take(client.GetEncryption(call), facts_.encryption);
  Take(client.GetObjectLock(call), facts_.object_lock);
  Take(client.GetLifecycle(call), facts_.lifecycle);
  Take(client.GetUploads(place_.KeyOf(""), call), facts_.uploads);
}

// As the place names it.
std::string BucketWatch::NameOf(const catalog::Artefact& artefact) const {
  const std::string root = place_.Describe();
  return artefact.path.size() > root.size() ? artefact.path.substr(root.size() + 1) : "";
}

// The object itself, or the largest one of a folder. "" if it cannot be told.
std::string BucketWatch::KeyOf(const catalog::Artefact& artefact, const net::S3Call& call) {
  const std::string name = NameOf(artefact);
  if (!artefact.folder) return place_.KeyOf(name);
  return LargestUnder(name.empty() ? "" : name + "/", call);
}

// The key of the largest object whose name begins with `prefix`.
std::string BucketWatch::LargestUnder(const std::string& prefix, const net::S3Call& call) {
  catalog::ListOptions options;
  options.prefix = prefix;
  const auto listed = place_.List(options, {call.deadline, call.stop});
  if (!listed && IsPassing(listed.error().reason)) cut_short_ = true;
  if (!listed || listed->objects.empty()) return {};
  const auto largest =
      std::max_element(listed->objects.begin(), listed->objects.end(),
                       [](const auto& a, const auto& b) { return a.size_bytes < b.size_bytes; });
  return place_.KeyOf(largest->name);
}

const BucketWatch::Told* BucketWatch::Find(const catalog::Artefact& artefact) const {
  const auto found = told_.find(artefact.path);
  const bool same = found != told_.end() && found->second.fingerprint == artefact.fingerprint;
  return same ? &found->second : nullptr;
}

// Of the largest object whose name begins with that; asked until it was told. nullopt: it was not.
std::optional<base::Timestamp> BucketWatch::LockUnder(const std::string& prefix,
                                                      const net::S3Call& call) {
  if (const auto known = needs_.find(prefix); known != needs_.end()) return known->second;
  const std::string key = LargestUnder(prefix, call);
  std::optional<net::S3Head> head;
  if (!key.empty()) Take(place_.client().Head(key, call), head);
  if (!head) return std::nullopt;
  return needs_[prefix] = LockOf(*head);
}

// A backup of a repository is restored from more than its own folder: from the backups that it
// builds upon, and with the WAL that makes it consistent. Whoever may delete these deletes it.
std::optional<base::Timestamp> BucketWatch::LockOfNeeds(const catalog::Artefact& artefact,
                                                        const net::S3Call& call) {
  std::vector<std::string> prefixes;
  if (const auto& facts = artefact.facts) {
    const std::string name = NameOf(artefact);
    const std::string above = name.substr(0, name.rfind('/') + 1);
    for (const std::string& reference : facts->references) {
      prefixes.push_back(above + reference + "/");
    }
    const bool grouped = spec_.repository != config::Repository::kWalG;
    const std::string group = grouped ? facts->wal_start.substr(0, kWalGroupDigits) + "/" : "";
    if (!facts->wal_folder.empty()) {
      prefixes.push_back(facts->wal_folder + group + facts->wal_start);
    }
  }
  base::Timestamp until = kHeld;
  for (const std::string& prefix : prefixes) {
    const auto lock = LockUnder(prefix, call);
    if (!lock) return std::nullopt;
    until = std::min(until, *lock);
  }
  return until;
}

void BucketWatch::Remember(const catalog::Artefact& artefact, const net::S3Head& head,
                           const net::S3Call& call) {
  base::Timestamp until = LockOf(head);
  if (until != base::Timestamp{}) {
    const auto needs = LockOfNeeds(artefact, call);
    if (!needs) return;  // what was told before stands
    until = std::min(until, *needs);
  }
  Told& told = told_[artefact.path];
  told = {artefact.fingerprint, until, {}, DelayOf(head)};
  const auto sha256 = head.checksums.find("sha256");
  if (!artefact.folder && !head.composite && sha256 != head.checksums.end()) {
    told.digest = "sha256:" + base::Hex(sha256->second);
  }
}

// What is not listed any more.
void BucketWatch::Forget(const std::vector<catalog::Artefact>& complete) {
  std::map<std::string, Told> kept;
  for (const catalog::Artefact& artefact : complete) {
    if (const Told* told = Find(artefact)) kept[artefact.path] = *told;
  }
  told_ = std::move(kept);
  if (needs_.size() > kMaxNeeds) needs_.clear();
}

void BucketWatch::Complete(const std::vector<catalog::Artefact>& complete,
                           std::vector<model::StoredCopy>& copies) const {
  for (model::StoredCopy& copy : copies) {
    const auto artefact =
        std::find_if(complete.rbegin(), complete.rend(),
                     [&copy](const catalog::Artefact& one) { return one.name == copy.name; });
    const Told* told = artefact == complete.rend() ? nullptr : Find(*artefact);
    if (told == nullptr) continue;
    copy.immutable_until = told->locked_until;
    copy.retrieval = told->retrieval;
    if (copy.digest.empty()) copy.digest = told->digest;
  }
}

void BucketWatch::LookAtBackups(const std::vector<catalog::Artefact>& complete,
                                const net::S3Call& call) {
  Forget(complete);
  std::map<std::string, std::uint64_t> replicated;
  int failed = 0;
  bool known = !complete.empty();
  bool replicates = true;
  const bool locks = facts_.object_lock && facts_.object_lock->enabled;
  for (std::size_t i = 0; i < complete.size() && i < kWatchedBackups; ++i) {
    const catalog::Artefact& artefact = complete[complete.size() - 1 - i];
    const auto done = replicated_.find(artefact.path);
    if (i > 0 && done != replicated_.end() && done->second == artefact.fingerprint) {
      replicated[artefact.path] = artefact.fingerprint;
      continue;
    }
    // Nobody replicates here: the others need no look but for their locks, once.
    if (!replicates && (!locks || Find(artefact) != nullptr)) continue;
    const std::string key = KeyOf(artefact, call);
    std::optional<net::S3Head> head;
    if (!key.empty()) Take(place_.client().Head(key, call), head);
    known = known && (head || !replicates);
    if (i == 0) {
      // What the network hides for a moment stays as it was.
      if (head || key != facts_.newest_key || !cut_short_) facts_.newest = head;
      facts_.newest_key = key;
      newest_fingerprint_ = artefact.fingerprint;
    }
    if (!head) continue;
    Remember(artefact, *head, call);
    if (head->replication.empty()) replicates = false;
    if (head->replication == "FAILED") ++failed;
    if (head->replication == "COMPLETED" || head->replication == "REPLICA") {
      replicated[artefact.path] = artefact.fingerprint;
    }
  }
  replicated_ = std::move(replicated);
  facts_.replication_failed = known ? std::optional(failed) : std::nullopt;
}

void BucketWatch::Look(const std::vector<catalog::Artefact>& complete, base::Timestamp now,
                       base::Deadline deadline, const base::StopToken& stop) {
  const base::Duration pause = cut_short_ ? kRetryAfter : kEvery;
  const bool due = !looked_ || now - *looked_ >= pause || now < *looked_;
  const std::uint64_t newest = complete.empty() ? 0 : complete.back().fingerprint;
  if (!due && newest == newest_fingerprint_) return;
  const net::S3Call call{deadline, stop};
  if (due) {
    cut_short_ = false;
    looked_ = now;
    LookAtSettings(call);
  }
  if (complete.empty()) {
    facts_.newest_key.clear();
    facts_.newest.reset();
    facts_.replication_failed.reset();
    newest_fingerprint_ = 0;
    return;
  }
  LookAtBackups(complete, call);
}

std::vector<BackupCheck> BucketWatch::Checks(base::Timestamp now) const {
  return JudgeBucket(spec_, facts_, place_.KeyOf(""), now);
}

void BucketWatch::Report(ProbeReport& report, const model::Labels& labels,
                         base::Timestamp now) const {
  const auto gauge = [&](std::string_view name, std::string_view help,
                         std::optional<double> value) {
    if (value) report.Gauge(name, help, labels, *value);
  };
  const auto flag = [](std::optional<bool> value) {
    return value ? std::optional(*value ? 1.0 : 0.0) : std::nullopt;
  };
  const auto seconds = [](std::optional<base::Duration> value) {
    return value ? std::optional(base::ToSeconds(*value)) : std::nullopt;
  };
  const auto count = [](std::optional<int> value) {
    return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
  };
  gauge("backup_encrypted", "1 if the newest backup is encrypted at rest.",
        flag(IsEncrypted(facts_)));
  gauge("backup_bucket_versioning_enabled", "1 if the bucket keeps old versions of its objects.",
        flag(facts_.versioning ? std::optional(*facts_.versioning == net::S3Versioning::kEnabled)
                               : std::nullopt));
  const auto until = LockedUntil(facts_);
  gauge("backup_object_lock_until_timestamp_seconds",
        "Until when the newest backup cannot be deleted.",
        until ? std::optional(base::ToUnixSeconds(*until)) : std::nullopt);
  gauge("backup_bucket_lifecycle_expiration_seconds",
        "Age at which the bucket's lifecycle deletes the newest backup.",
        seconds(LifecycleExpiration(facts_, place_.KeyOf(""))));
  gauge("backup_stale_uploads", "Multipart uploads begun more than a day ago and never completed.",
        count(StaleUploads(facts_, now)));
  gauge("backup_replication_failed_objects",
        "Of the newest backups those whose replication to another bucket failed.",
        count(facts_.replication_failed));
  gauge("backup_retrieval_delay_seconds",
        "How long the newest backup's storage class takes until it can be read.",
        seconds(RetrievalDelay(facts_)));
}

void BucketWatch::ReportAccess(ProbeReport& report, const model::Labels& labels) const {
  const net::S3Stats stats = place_.client().stats();
  for (const char* operation : {"bucket", "get", "head", "list"}) {
    const auto found = stats.requests.find(operation);
    report.Counter("backup_storage_requests_total", "Requests sent to the storage.",
                   model::LabelsBuilder(labels).Set("operation", operation).Build(),
                   found == stats.requests.end() ? 0 : static_cast<double>(found->second));
  }
  report.Counter("backup_storage_received_bytes_total", "Bytes received from the storage.", labels,
                 static_cast<double>(stats.received_bytes));
  if (stats.clock_skew) {
    report.Gauge("backup_clock_skew_seconds", "The storage's clock minus this machine's.", labels,
                 base::ToSeconds(*stats.clock_skew));
  }
  if (stats.keys_expire) {
    report.Gauge("backup_credentials_expiry_timestamp_seconds",
                 "End of the temporary keys in use; they are renewed before.", labels,
                 base::ToUnixSeconds(*stats.keys_expire));
  }
}

}  // namespace drwatch::probes
