// SPDX-License-Identifier: MIT
//
// Runs a target on the files that are kept, without a search: `fuzz_NAME FILE|FOLDER...`. A target
// that finds something ends the program.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of(const fs::path& path) {
    if (!fs::is_directory(path)) return {path};
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator{path})
        if (entry.is_regular_file()) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

void replay(const fs::path& path) {
    std::ifstream file{path, std::ios::binary};
    if (!file) throw std::runtime_error{"can't read " + path.string()};
    const std::vector<char> read{std::istreambuf_iterator<char>{file}, {}};
    // Of its own size, so that address sanitizer sees a step beyond.
    const std::vector<std::uint8_t> bytes{read.begin(), read.end()};
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t count = 0;
    for (int i = 1; i < argc; ++i) {
        for (const auto& path : files_of(argv[i])) {
            // Shows which one it was, should the program end here.
            std::fprintf(stderr, "%s\n", path.c_str());
            replay(path);
            ++count;
        }
    }
    std::printf("%zu inputs\n", count);
    return count == 0 ? 1 : 0;
}
