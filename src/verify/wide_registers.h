// What computing with AVX leaves behind.
#pragma once

namespace drwatch::verify {

// Clears the upper halves of the vector registers. ISA-L's checksums leave something in them, which
// every older instruction after them has to carry along, wherever it is: SHA of several messages
// takes twice the time then (AMD Zen 5), libzstd and OpenSSL some more.
void ForgetUpperHalves();

}  // namespace drwatch::verify
