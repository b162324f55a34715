// What templates of notifications may call: Prometheus' functions, those Alertmanager adds, and the
// methods of its data.
#pragma once

#include "model/labels.h"
#include "template/functions.h"

namespace drwatch::notify {

const tmpl::FunctionTable& NotificationFunctions();
// .Firing and .Resolved of a list of alerts.
const tmpl::FunctionTable& AlertsMethods();
// .SortedPairs, .Names, .Values and .Remove of labels and annotations.
const tmpl::FunctionTable& LabelsMethods();

}  // namespace drwatch::notify
