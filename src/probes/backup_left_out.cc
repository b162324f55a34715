#include "probes/backup_left_out.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "base/duration.h"
#include "base/strings.h"
#include "probes/backup_contents.h"
#include "probes/backup_siblings.h"
#include "verify/decoder.h"

namespace drwatch::probes {
namespace {

using base::Duration;

std::string Unpacked(std::string_view name) {
  std::string unpacked = verify::UnpackedName(name);
  return unpacked.empty() ? std::string(name) : unpacked;
}

std::string LettersOf(std::string_view text) {
  std::string letters;
  for (const char c : text) {
    const bool ascii = static_cast<unsigned char>(c) < 0x80;
    if (!ascii || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) letters += c;
  }
  return letters;
}

// Its letters: "shop.sql", "shop.sql.1.gz" and "shop-20260101.sql" are one series, since a rotation
// may give the newest one of a number another.
std::string KeyOf(const std::string& name) { return LettersOf(Unpacked(name)); }

std::string ExtensionOf(const std::string& name) {
  const std::string unpacked = Unpacked(name);
  const std::size_t dot = unpacked.rfind('.');
  return dot == unpacked.npos ? std::string() : LettersOf(unpacked.substr(dot));
}

struct Series {
  std::string key;
  std::vector<const catalog::Artefact*> dumps;  // newest first

  const catalog::Artefact& newest() const { return *dumps.front(); }
  const catalog::Artefact& oldest() const { return *dumps.back(); }
  // Of those that were taken after `time`.
  std::size_t CountAfter(base::Timestamp time) const {
    return static_cast<std::size_t>(std::count_if(
        dumps.begin(), dumps.end(), [time](const auto* dump) { return dump->time > time; }));
  }
};

std::vector<Series> SeriesAmong(const std::vector<catalog::Artefact>& complete) {
  std::vector<Series> all;
  std::map<std::string, std::size_t> places;
  const std::size_t count = std::min(complete.size(), kContentsLookBack);
  for (std::size_t i = 0; i < count; ++i) {
    const catalog::Artefact& dump = complete[complete.size() - 1 - i];
    std::string key = KeyOf(dump.name);
    const auto known = places.find(key);
    if (known != places.end()) {
      all[known->second].dumps.push_back(&dump);
    } else if (all.size() < kMaxSeries) {
      places.emplace(key, all.size());
      all.push_back({std::move(key), {&dump}});
    }
  }
  return all;
}

// How the newest ones of a series come.
struct Rhythm {
  Duration usual, longest;  // between two of them
  Duration near;            // what is not so far away came with it
  Duration late;            // it may come so long after the longest, and after what it comes with
};

// nullopt: there are too few.
std::optional<Rhythm> RhythmOf(const Series& series, Duration run) {
  if (series.dumps.size() < kRhythm) return std::nullopt;
  std::array<Duration, kRhythm - 1> gaps;
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    gaps[i] = series.dumps[i]->time - series.dumps[i + 1]->time;
  }
  std::sort(gaps.begin(), gaps.end());
  const Duration usual = gaps[gaps.size() / 2];
  const Duration longest = gaps.back();
  return Rhythm{usual, longest, std::min(run, usual / 2), std::max(run, longest / 4)};
}

// True if the newest ones of `series` came in runs of `other`, in half of its runs at least: a
// weekly copy is left out by no daily run.
bool CameWith(const Series& series, const Series& other, const Rhythm& rhythm) {
  const auto end = series.dumps.begin() + kRhythm;
  const base::Timestamp before = series.dumps[kRhythm - 1]->time - rhythm.near;
  const std::size_t runs =
      other.CountAfter(before) - other.CountAfter(series.newest().time + rhythm.near);
  return runs <= 2 * kRhythm &&
         std::all_of(series.dumps.begin(), end, [&](const catalog::Artefact* one) {
           return std::any_of(other.dumps.begin(), other.dumps.end(), [&](const auto* beside) {
             return std::chrono::abs(beside->time - one->time) < rhythm.near;
           });
         });
}

// True if `other` came when `series` was due, long enough ago, and what came with it under new
// names cannot be `series`.
bool WentOnWithout(const std::vector<Series>& all, const Series& series, const Series& other,
                   const Rhythm& rhythm, base::Timestamp now) {
  const base::Timestamp newest = series.newest().time;
  if (other.CountAfter(newest + rhythm.usual - rhythm.near) ==
      other.CountAfter(now - rhythm.late)) {
    return false;
  }
  std::size_t renamed = 0;
  for (const Series& one : all) {
    if (one.oldest().time > newest - rhythm.near) renamed += one.dumps.size();
  }
  return renamed < std::min(other.CountAfter(newest + rhythm.near), kRhythm);
}

bool IsAlike(const config::BackupProbe& spec, const catalog::Artefact& a,
             const catalog::Artefact& b) {
  return ExtensionOf(a.name) == ExtensionOf(b.name) && KindOf(spec, a) == KindOf(spec, b);
}

BackupCheck LeftOut(const Series& series, const Series& other, Duration gap, base::Timestamp now) {
  const auto text = [](Duration time) {
    return base::FormatDuration(std::chrono::floor<std::chrono::minutes>(time));
  };
  return {"left_out",
          false,
          model::Severity::kWarning,
          model::Reason::kOverdue,
          base::Quote(series.newest().name) + " is the newest of its name and " +
              text(now - series.newest().time) + " old; before, one came every " + text(gap) +
              " at least, in the runs that went on with " + base::Quote(other.newest().name),
          "run its backup again, or move away what is left of a database that is no more; a probe "
          "of its own for each database says more"};
}

}  // namespace

std::optional<BackupCheck> JudgeLeftOut(const config::BackupProbe& spec,
                                        const std::vector<catalog::Artefact>& complete,
                                        const std::vector<std::string>& in_progress,
                                        base::Timestamp now) {
  if (complete.empty() || complete.back().facts) return std::nullopt;
  const Duration run = spec.schedule ? std::max(kLongestRun, spec.grace) : kLongestRun;
  const std::vector<Series> all = SeriesAmong(complete);
  for (const Series& series : all) {
    auto rhythm = RhythmOf(series, run);
    if (!rhythm) continue;
    const bool is_written =
        std::any_of(in_progress.begin(), in_progress.end(), [&](const std::string& name) {
          return KeyOf(name).starts_with(series.key);  // "shop.dump.part"
        });
    const Duration due = rhythm->longest * (is_written ? 2 : 1) + rhythm->late;
    const Duration age = now - series.newest().time;
    if (age <= due || age > due + kLeftOutTold) continue;
    for (const Series& other : all) {
      if (IsAlike(spec, other.newest(), series.newest()) && CameWith(series, other, *rhythm) &&
          WentOnWithout(all, series, other, *rhythm, now)) {
        return LeftOut(series, other, rhythm->longest, now);
      }
    }
  }
  return std::nullopt;
}

}  // namespace drwatch::probes
