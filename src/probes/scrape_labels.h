// From the samples of a foreign page to families with target labels. Pure.
#pragma once

#include <vector>

#include "model/exposition.h"
#include "model/labels.h"
#include "model/metric_family.h"

namespace drwatch::probes {

enum class LabelConflict {
  kExport,  // the page's label becomes exported_<name>
  kHonor    // the page's label stays (honor_labels)
};

// The labels of one sample as Prometheus would store them (scrape.go, mutateSampleLabels).
model::Labels AddTargetLabels(const model::Labels& sample, const model::Labels& target,
                              LabelConflict conflict);

// Every sample in a family whose name and suffix together are the sample's name; type and help come
// from the page's metadata.
std::vector<model::MetricFamily> ToFamilies(const model::ParsedPage& page,
                                            const model::Labels& target, LabelConflict conflict);

}  // namespace drwatch::probes
