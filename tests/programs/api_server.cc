// api_server FILE: serves the HTTP API over the samples of an OpenMetrics file, on a free port that
// it prints, until its standard input ends. So that another server with the same samples can be
// asked the same.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>

#include "model/exposition.h"
#include "net/http_server.h"
#include "promql/engine.h"
#include "store/store.h"
#include "web/site.h"

namespace {

using namespace drwatch;  // NOLINT: a program of one file

bool Fill(store::Store& store, const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  const auto page = model::ParseText(text.str(), model::TextFormat::kOpenMetrics);
  if (!page) {
    std::fprintf(stderr, "%s: %s\n", path, page.error().message.c_str());
    return false;
  }
  std::map<base::Timestamp, std::vector<store::NewSample>> batches;
  for (const model::ParsedSample& sample : page->samples) {
    if (!sample.time) {
      std::fprintf(stderr, "%s: a sample has no time\n", path);
      return false;
    }
    batches[*sample.time].push_back({sample.labels, sample.value});
  }
  for (const auto& [time, batch] : batches) store.Append(batch, time);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: api_server FILE\n");
    return 1;
  }
  const base::SystemClock clock;
  store::Store store;
  if (!Fill(store, argv[1])) return 1;
  const promql::Engine engine(store);
  web::SiteSources sources;
  sources.api.store = &store;
  sources.api.engine = &engine;
  sources.api.clock = &clock;
  sources.api.rules = [] { return std::make_shared<const rules::RulesSnapshot>(); };
  sources.api.targets = [] { return std::vector<web::TargetView>(); };
  sources.api.runtime = [] { return web::RuntimeView(); };
  sources.api.config = [] { return std::string(); };
  const web::Site site(std::move(sources));
  net::ServerOptions options;
  options.listen_addresses = {"127.0.0.1:0"};
  const auto server = net::HttpServer::Start(
      options, [&site](const net::ServerRequest& request) { return site.Handle(request); });
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return 1;
  }
  std::printf("%s\n", (*server)->addresses().front().c_str());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}
