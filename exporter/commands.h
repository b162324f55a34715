// The commands that need no running service. Each returns its exit status.
#pragma once

#include "exporter/options.h"

namespace drwatch::exporter {

int CheckConfig(const CheckConfigOptions& options);
int CheckWebConfig(const CheckWebConfigOptions& options);
int CheckRules(const CheckRulesOptions& options);
int TestRules(const TestRulesOptions& options);
int Init(const InitOptions& options);
int Verify(const VerifyOptions& options);

}  // namespace drwatch::exporter
