#include "recovery/recovery_time.h"

#include <cstdlib>

namespace drwatch::recovery {

std::optional<double> RestoreStep::AtLeastSeconds() const {
  if (!bytes) return std::nullopt;
  const double waiting = base::ToSeconds(retrieval);
  if (*bytes == 0) return waiting;
  if (!reading) return std::nullopt;
  const double took = std::chrono::duration<double>(reading->took).count();
  return waiting + took * (static_cast<double>(*bytes) / static_cast<double>(reading->bytes));
}

std::string_view RestoreStepName(RestoreStep::Kind kind) {
  switch (kind) {
    case RestoreStep::Kind::kBackup:
      return "backup";
    case RestoreStep::Kind::kWal:
      return "wal";
  }
  std::abort();
}

std::optional<double> AtLeastSeconds(const std::vector<RestoreStep>& steps) {
  double sum = 0;
  for (const RestoreStep& step : steps) {
    const auto seconds = step.AtLeastSeconds();
    if (!seconds) return std::nullopt;
    sum += *seconds;
  }
  return sum;
}

RestoreStep StepOf(const std::string& probe, const model::StoredCopy& copy) {
  RestoreStep step;
  step.probe = probe;
  step.artefact = copy.name;
  step.bytes = copy.restore_bytes;
  step.reading = copy.reading;
  step.retrieval = copy.retrieval;
  return step;
}

}  // namespace drwatch::recovery
