// A part of a file, mapped: its bytes are read where the kernel keeps them instead of being copied
// first, which takes longer than a CRC of them.
//
// They are shared with whoever writes to the file: they may change at any time, so that only what
// cannot go wrong by that may read them, such as a digest. A part that goes away meanwhile (the
// file is cut off, or its disk fails) reads as zeros from there on, and lost() is true then. To
// that end the program's first window installs a handler of SIGBUS; faults that lie in no window
// are left to the one that was there before.
#pragma once

#include <cstdint>
#include <string_view>

namespace drwatch::verify {

struct WindowSlot;

// One thread; movable.
class FileWindow {
 public:
  FileWindow() = default;
  FileWindow(FileWindow&& other) noexcept;
  FileWindow& operator=(FileWindow&&) = delete;
  ~FileWindow() { Close(); }
  // Of the file's bytes from `offset` on, a multiple of the page size; closes what was open. False:
  // it cannot be mapped, or too many windows are open in the program.
  bool Open(int fd, std::int64_t offset, std::size_t bytes);
  void Close();
  bool open() const { return slot_ != nullptr; }
  std::string_view bytes() const { return {data_, size_}; }
  bool lost() const;

 private:
  WindowSlot* slot_ = nullptr;  // what the handler knows of it
  char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace drwatch::verify
