#include <csignal>
#include <cstdio>

#include "exporter/ack.h"
#include "exporter/app.h"
#include "exporter/commands.h"
#include "exporter/drill.h"
#include "exporter/once.h"
#include "exporter/options.h"
#include "exporter/report.h"
#include "exporter/routes.h"

namespace {

using namespace drwatch::exporter;

struct RunCommand {
  int operator()(const ServeOptions& options) const { return Serve(options); }
  int operator()(const OnceOptions& options) const { return RunOnce(options); }
  int operator()(const CheckConfigOptions& options) const { return CheckConfig(options); }
  int operator()(const CheckWebConfigOptions& options) const { return CheckWebConfig(options); }
  int operator()(const CheckRulesOptions& options) const { return CheckRules(options); }
  int operator()(const TestRulesOptions& options) const { return TestRules(options); }
  int operator()(const TestRoutesOptions& options) const { return TestRoutes(options); }
  int operator()(const InitOptions& options) const { return Init(options); }
  int operator()(const AckOptions& options) const { return Acknowledge(options); }
  int operator()(const DrillOptions& options) const { return RunDrill(options); }
  int operator()(const VerifyOptions& options) const { return Verify(options); }
  int operator()(const ReportOptions& options) const { return Report(options); }
  int operator()(const ExitNow& exit) const {
    std::fputs(exit.text.c_str(), exit.code == 0 ? stdout : stderr);
    return exit.code;
  }
};

}  // namespace

int main(int argc, char** argv) {
  // A peer that closes early, and a limit on file sizes, are errors of one call and not the end of
  // the program.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  return std::visit(RunCommand{}, ParseCommandLine(argc, argv));
}
