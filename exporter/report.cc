#include "exporter/report.h"

#include <iostream>

#include "base/duration.h"
#include "base/strings.h"
#include "config/config.h"
#include "exporter/audit_trail.h"
#include "exporter/load.h"
#include "exporter/output.h"
#include "web/evidence.h"
#include "web/parameters.h"

namespace drwatch::exporter {
namespace {

constexpr base::Duration kDefaultTime = std::chrono::hours(30 * 24);
constexpr int kBrokenExitCode = 2;

base::Result<base::Timestamp> ParseTime(const std::string& text, base::Timestamp now,
                                        base::Timestamp otherwise) {
  if (text.empty()) return otherwise;
  if (const auto ago = base::ParseDuration(text)) return now - *ago;
  const auto time =
      web::ParseRfc3339(text.find('T') == std::string::npos ? text + "T00:00:00Z" : text);
  if (time) return *time;
  return base::Fail(base::Quote(text) + " is no time",
                    "such as 2026-11-01, 2026-11-01T08:00:00Z or 90d for so long ago");
}

base::Result<std::string> StorageFolder(const ReportOptions& options) {
  if (!options.storage_path.empty()) return options.storage_path;
  config::Problems problems;
  const auto config = config::LoadConfig(options.config_file, problems);
  if (config) return config->storage.path;
  return base::Fail("the configuration has errors\n" + FormatProblems(problems),
                    "--storage.path names the folder without a configuration");
}

std::string Render(const web::Evidence& evidence, ReportFormat format) {
  switch (format) {
    case ReportFormat::kJson:
      return web::EvidenceJson(evidence);
    case ReportFormat::kMarkdown:
      return web::EvidenceMarkdown(evidence);
    case ReportFormat::kHtml:
      return web::EvidenceHtml(evidence);
  }
  return {};
}

int PrintChain(const recovery::AuditChain& chain) {
  for (const std::string& problem : chain.problems) std::cout << problem << "\n";
  std::cout << (chain.problems.empty() ? "whole" : "BROKEN") << ": " << chain.rows << " rows";
  if (chain.rows > 0) std::cout << ", last " << chain.last_id << ", head " << chain.head;
  std::cout << "\n";
  return chain.problems.empty() ? 0 : kBrokenExitCode;
}

base::Result<int> Make(const ReportOptions& options) {
  const base::Timestamp now = base::SystemClock().Now();
  const auto from = ParseTime(options.from, now, now - kDefaultTime);
  if (!from) return base::Wrap("--from", from.error());
  const auto to = ParseTime(options.to, now, now);
  if (!to) return base::Wrap("--to", to.error());
  const auto folder = StorageFolder(options);
  if (!folder) return base::Fail(folder.error());
  const auto database = db::Database::OpenForReading(*folder + "/" + std::string(kAuditFile));
  if (!database) return base::Fail(database.error());
  const recovery::AuditLog log(database->get());
  auto chain = log.Verify();
  if (!chain) return base::Fail(chain.error());
  if (options.verify_only) return PrintChain(*chain);

  recovery::AuditQuery query;
  query.from = *from;
  query.to = *to;
  query.limit = web::kMaxEvidenceRows + 1;
  auto rows = log.Read(query);
  if (!rows) return base::Fail(rows.error());
  const bool cut = static_cast<std::int64_t>(rows->size()) > web::kMaxEvidenceRows;
  if (cut) rows->pop_back();
  web::Evidence evidence = web::MakeEvidence(*rows, *from, *to);
  evidence.generated = now;
  evidence.cut = cut;
  evidence.chain = *std::move(chain);
  const std::string text = Render(evidence, options.format);
  if (options.output_file.empty()) {
    std::cout << text << std::flush;
  } else if (auto written = WriteOutput(options.output_file, text); !written) {
    return base::Fail(written.error());
  }
  return StatusOfOutput(evidence.chain.problems.empty() ? 0 : kBrokenExitCode, 1);
}

}  // namespace

int Report(const ReportOptions& options) {
  const base::Result<int> status = Make(options);
  if (status) return *status;
  std::cerr << "drwatch: " << status.error().ToString() << "\n";
  return 1;
}

}  // namespace drwatch::exporter
