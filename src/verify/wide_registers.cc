#include "verify/wide_registers.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace drwatch::verify {

#ifdef __x86_64__
namespace {
__attribute__((target("avx"))) void Clear() { _mm256_zeroupper(); }
}  // namespace

void ForgetUpperHalves() {
  if (__builtin_cpu_supports("avx")) Clear();
}
#else
void ForgetUpperHalves() {}
#endif

}  // namespace drwatch::verify
