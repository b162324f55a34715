// Listing a place with many artefacts: the first look, and a look when nothing changed.
#include <benchmark/benchmark.h>

#include "catalog/folder_catalog.h"
#include "many_artefacts.h"

namespace drwatch::catalog {
namespace {

FolderOptions Options() {
  FolderOptions options;
  options.path = bench::Place().path();
  options.pattern = "shop-*.dump";
  return options;
}

void Look(FolderCatalog& catalog, benchmark::State& state) {
  const Listing listing =
      catalog.List(bench::kNow, base::Deadline::After(base::Duration(60'000)), {});
  if (listing.complete.size() != bench::kArtefacts) state.SkipWithError("not all were listed");
}

void FirstLook(benchmark::State& state) {
  const FolderOptions options = Options();
  for (auto _ : state) {
    FolderCatalog catalog(options);
    Look(catalog, state);
  }
}
BENCHMARK(FirstLook)->Unit(benchmark::kMillisecond)->UseRealTime();

void NothingChanged(benchmark::State& state) {
  FolderCatalog catalog(Options());
  Look(catalog, state);
  for (auto _ : state) Look(catalog, state);
}
BENCHMARK(NothingChanged)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace drwatch::catalog
