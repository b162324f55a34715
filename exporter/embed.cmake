# Writes ${OUTPUT}: the built-in rules and the runbooks as C++ string literals. Run with cmake -P at build time.
function(append_files array pattern)
  file(GLOB files ${pattern})
  list(SORT files)
  set(text "")
  foreach(file ${files})
    get_filename_component(name ${file} NAME)
    file(READ ${file} contents)
    # A literal may hold 64 KiB at most; pieces are joined by the compiler.
    string(LENGTH "${contents}" length)
    set(literal "")
    set(at 0)
    while(at LESS length)
      string(SUBSTRING "${contents}" ${at} 8000 piece)
      string(APPEND literal "R\"~~~(${piece})~~~\"\n")
      math(EXPR at "${at} + 8000")
    endwhile()
    string(APPEND text "    {\"${name}\", ${literal}},\n")
  endforeach()
  set(${array} "${text}" PARENT_SCOPE)
endfunction()

append_files(rules "${SOURCE_DIR}/rules/*.yml")
append_files(runbooks "${SOURCE_DIR}/docs/runbooks/*.md")
file(WRITE ${OUTPUT} "// Made by exporter/embed.cmake.
#include \"exporter/embedded.h\"

namespace drwatch::exporter {
namespace {
constexpr EmbeddedFile kRules[] = {
${rules}};
constexpr EmbeddedFile kRunbooks[] = {
${runbooks}    {\"\", \"\"}};
}  // namespace

std::span<const EmbeddedFile> BuiltinRuleFiles() { return kRules; }
std::span<const EmbeddedFile> Runbooks() { return std::span(kRunbooks).first(std::size(kRunbooks) - 1); }

}  // namespace drwatch::exporter
")
