// `drwatch verify PATH... [--wal DIR]`
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/sizes.h"
#include "base/strings.h"
#include "base/terminal.h"
#include "exporter/commands.h"
#include "exporter/find_repository.h"
#include "exporter/find_wal_archive.h"
#include "exporter/output.h"
#include "exporter/verify_chain.h"
#include "exporter/verify_paths.h"
#include "exporter/verify_repository.h"
#include "exporter/verify_wal.h"

namespace drwatch::exporter {
namespace {

constexpr int kIntactExit = 0;
constexpr int kBrokenExit = 2;
constexpr int kUnjudgedExit = 3;

int ExitOf(verify::Outcome outcome) {
  switch (outcome) {
    case verify::Outcome::kIntact:
      return kIntactExit;
    case verify::Outcome::kBroken:
      return kBrokenExit;
    case verify::Outcome::kUnjudged:
      return kUnjudgedExit;
  }
  return kUnjudgedExit;
}

// Broken beats unjudged beats intact.
int Worse(int a, int b) {
  if (a == kBrokenExit || b == kBrokenExit) return kBrokenExit;
  return std::max(a, b);
}

std::string TextOf(const VerifiedPath& one) {
  const verify::Verdict& verdict = one.verdict;
  std::string text = one.path + ": " + std::string(verify::OutcomeName(verdict.outcome));
  if (verdict.reason != model::Reason::kNone) {
    text += " (" + std::string(model::ReasonName(verdict.reason)) + ")";
  }
  text += ", level " + std::to_string(static_cast<int>(verdict.level)) + ": " + verdict.ToString();
  // Names and what a file says of itself are anybody's.
  text = base::Visible(text) + "; " + base::FormatSize(verdict.bytes_read) + " in " +
         base::FormatDouble(base::ToSeconds(one.took)) + " s\n";
  for (const std::string& detail : verdict.details) text += "  " + base::Visible(detail) + "\n";
  return text;
}

nlohmann::ordered_json JsonOf(const VerifiedPath& one) {
  const verify::Verdict& verdict = one.verdict;
  auto needs_wal = nlohmann::ordered_json::array();
  for (const verify::WalRange& range : verdict.needs_wal.ranges) {
    needs_wal.push_back({{"timeline", range.timeline},
                         {"start", verify::FormatLsn(range.start)},
                         {"end", verify::FormatLsn(range.end)}});
  }
  return {{"path", one.path},
          {"outcome", verify::OutcomeName(verdict.outcome)},
          {"level", static_cast<int>(verdict.level)},
          {"reason", model::ReasonName(verdict.reason)},
          {"place", verdict.place},
          {"message", verdict.message},
          {"format", verdict.format},
          {"details", verdict.details},
          {"needs_wal", std::move(needs_wal)},
          {"bytes_read", verdict.bytes_read},
          {"duration_ms", one.took.count()}};
}

// What is intact as far as could be told, but not as far as was asked, is not judged.
VerifiedPath Demand(VerifiedPath one, int level) {
  verify::Verdict& verdict = one.verdict;
  const int proven = static_cast<int>(verdict.level);
  if (verdict.outcome != verify::Outcome::kIntact || proven >= level) return one;
  verdict.outcome = verify::Outcome::kUnjudged;
  verdict.reason = model::Reason::kUnverified;
  verdict.message = (verdict.format.empty() ? "" : verdict.format + ": ") +
                    "nothing is wrong with it, but level " + std::to_string(level) +
                    " cannot be proven";
  return one;
}

// Verifying reads files. Who names an object is told which command reads buckets.
VerifiedPath PointTheWay(VerifiedPath one) {
  if (one.verdict.reason == model::Reason::kNotFound && one.path.starts_with("s3://")) {
    one.verdict.details.push_back("hint: drwatch --once " + one.path +
                                  " verifies what is in a bucket");
  }
  return one;
}

// WAL that is whole file by file is of no use behind a segment that is missing.
VerifiedPath JudgeGaps(VerifiedPath one) {
  if (!ShareOfWal(one.path).IsArchive()) return one;
  verify::Verdict& verdict = one.verdict;
  const std::vector<std::string> missing = MissingWal(one.path);
  if (!missing.empty() && verdict.outcome != verify::Outcome::kBroken) {
    verdict.outcome = verify::Outcome::kBroken;
    verdict.reason = model::Reason::kIncomplete;
    verdict.place.clear();
    verdict.message = "a WAL archive in which files are missing";
  }
  for (const std::string& gap : missing) verdict.details.push_back("missing " + gap);
  verdict.details.push_back("hint: drwatch verify --wal " + one.path +
                            " tells more of a WAL archive");
  return one;
}

// A base backup without WAL is intact with an archive that has what it needs.
VerifiedPath Supply(VerifiedPath one, const VerifyOptions& options,
                    const std::vector<WalReport>& archives) {
  verify::Verdict& verdict = one.verdict;
  if (verdict.needs_wal.empty()) return one;
  if (archives.empty()) verdict.details.emplace_back("hint: name its WAL archive with --wal");
  for (std::size_t i = 0; i < archives.size(); ++i) {
    const std::string& folder = options.wal_folders[i];
    const auto why = catalog::WhyNotHeld(archives[i].holdings, verdict.needs_wal);
    if (why) {
      verdict.details.push_back(folder + ": " + *why);
      continue;
    }
    const bool proven = verdict.level >= verify::Level::kChecksum;
    verdict.outcome = proven ? verify::Outcome::kIntact : verify::Outcome::kUnjudged;
    verdict.reason = proven ? model::Reason::kNone : model::Reason::kUnverified;
    verdict.place.clear();
    verdict.message = proven ? "" : "nothing to check its files against";
    verdict.details.push_back("carries no WAL: " + verdict.needs_wal.ToString() + " is in " +
                              folder);
    break;
  }
  return one;
}

}  // namespace

int Verify(const VerifyOptions& options) {
  int status = kIntactExit;
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  // First: backups may need them.
  std::vector<WalReport> archives;
  for (const std::string& folder : options.wal_folders) archives.push_back(VerifyWalFolder(folder));
  const auto tell = [&](const VerifiedPath& found) {
    const VerifiedPath one = PointTheWay(Demand(found, options.level));
    status = Worse(status, ExitOf(one.verdict.outcome));
    if (options.json) {
      all.push_back(JsonOf(one));
    } else {
      std::cout << TextOf(one) << std::flush;
    }
  };
  VerifyChain chain(options.paths);
  std::vector<VerifiedPath> waiting;
  const auto say = [&](const VerifiedPath& found) {
    VerifiedPath one = JudgeGaps(Supply(found, options, archives));
    chain.Note(one);
    if (chain.IsIncremental(one.path)) return waiting.push_back(std::move(one));
    tell(one);
  };
  std::vector<std::string> paths;
  for (const std::string& path : options.paths) {
    for (std::string& one : SplitAtRepositories(path)) paths.push_back(std::move(one));
  }
  // Repositories one by one, what stands between them several at a time.
  std::vector<std::string> plain;
  for (const std::string& path : paths) {
    if (!FindRepository(path)) {
      plain.push_back(path);
      continue;
    }
    VerifyPaths(std::exchange(plain, {}), options.jobs, say);
    // What its backups do not need may be missing.
    VerifyRepository(path, options.jobs,
                     [&](const VerifiedPath& found) { tell(Supply(found, options, archives)); });
  }
  VerifyPaths(plain, options.jobs, say);
  chain.Sort(waiting);
  for (VerifiedPath& found : waiting) {
    const VerifiedPath one = chain.Judge(std::move(found));
    chain.Note(one);
    tell(one);
  }
  for (const WalReport& report : archives) {
    status = Worse(status, report.exit_code);
    if (options.json) {
      all.push_back(nlohmann::ordered_json::parse(report.json));
    } else {
      std::cout << report.text << std::flush;
    }
  }
  if (options.json) {
    std::cout << all.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << "\n";
  }
  return StatusOfOutput(status, kUnjudgedExit);
}

}  // namespace drwatch::exporter
