// SPDX-License-Identifier: GPL-2.0-or-later
// libpowercut.so: a disk that forgets what was not flushed, to be preloaded into a program.
//
//   POWERCUT_DIR=DIR      files directly below DIR are watched
//   POWERCUT_SHADOW=DIR   what a power cut would leave: DIR/data/KEY is a file as it was flushed last,
//                         DIR/names has a line "KEY NAME" for each name that was there when DIR was
//                         flushed last. KEY tells a file from a later one with the same inode.
//   POWERCUT_LIE=1        flushing answers at once and keeps nothing (the negative control)
//   POWERCUT_FAIL_FLUSH=N the Nth flush of a watched file or DIR, and each later one, fails with EIO
//   POWERCUT_FAIL_WRITE=N:ERRNO  the Nth pwritev to a watched file, and each later one, fails
//
// Nothing is discarded: the test kills the program and goes on with a folder that it makes from the
// shadow. So a kill at any instant, within a flush too, is a power cut at that instant.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

namespace {

using FlushFunction = int (*)(int);
using WriteFunction = ssize_t (*)(int, const iovec *, int, off_t);

std::mutex shadowMutex;
std::atomic<long> flushCount{0};
std::atomic<long> writeCount{0};

template<typename Function>
Function next(const char *name)
{
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) what dlsym is for
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

const char *setting(const char *name)
{
    return ::getenv(name);  // NOLINT(concurrency-mt-unsafe) nobody changes the environment
}

std::string pathOf(int file)
{
    char path[4096];
    const std::string link = "/proc/self/fd/" + std::to_string(file);
    const ssize_t length = ::readlink(link.c_str(), path, sizeof path - 1);
    return length > 0 ? std::string(path, static_cast<size_t>(length)) : std::string();
}

std::string keyOf(int folder, const char *name, int flags)
{
    struct statx status {
    };
    if (::statx(folder, name, flags, STATX_INO | STATX_BTIME, &status) != 0) {
        return {};
    }
    char key[64];
    std::snprintf(key, sizeof key, "%llx-%llx-%x", static_cast<unsigned long long>(status.stx_ino),
                  static_cast<unsigned long long>(status.stx_btime.tv_sec),
                  status.stx_btime.tv_nsec);
    return key;
}

/// What is watched: DIR itself, a file in it, or neither.
enum class Target { Elsewhere, Folder, File };

Target targetOf(int file)
{
    const char *folder = setting("POWERCUT_DIR");
    if (folder == nullptr) {
        return Target::Elsewhere;
    }
    const std::string path = pathOf(file);
    const std::string prefix = std::string(folder) + '/';
    if (path == folder) {
        return Target::Folder;
    }
    const bool isDirectlyBelow = path.rfind(prefix, 0) == 0
                                 && path.find('/', prefix.size()) == std::string::npos;
    return isDirectlyBelow ? Target::File : Target::Elsewhere;
}

void writeAll(int to, const char *bytes, size_t length, off_t offset)
{
    while (length > 0) {
        const ssize_t written = ::pwrite(to, bytes, length, offset);
        if (written <= 0) {
            std::abort();  // The test has no room: it would prove nothing.
        }
        bytes += written;
        length -= static_cast<size_t>(written);
        offset += written;
    }
}

void keepFile(int file)
{
    const std::string target = std::string(setting("POWERCUT_SHADOW")) + "/data/"
                               + keyOf(file, "", AT_EMPTY_PATH);
    const int reader = ::open(("/proc/self/fd/" + std::to_string(file)).c_str(), O_RDONLY);
    const int to = ::open(target.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (reader < 0 || to < 0) {
        std::abort();
    }
    std::vector<char> block(256 * 1024);
    off_t offset = 0;
    ssize_t got = 0;
    while ((got = ::pread(reader, block.data(), block.size(), offset)) > 0) {
        writeAll(to, block.data(), static_cast<size_t>(got), offset);
        offset += got;
    }
    if (::ftruncate(to, offset) != 0) {
        std::abort();
    }
    ::close(reader);
    ::close(to);
}

void keepNames()
{
    const char *folder = setting("POWERCUT_DIR");
    const std::string target = std::string(setting("POWERCUT_SHADOW")) + "/names";
    std::string lines;
    DIR *listing = ::opendir(folder);
    while (const dirent *item = ::readdir(listing)) {  // NOLINT(concurrency-mt-unsafe)
        if (item->d_type == DT_REG) {
            lines += keyOf(::dirfd(listing), item->d_name, AT_SYMLINK_NOFOLLOW) + ' ' + item->d_name
                     + '\n';
        }
    }
    ::closedir(listing);
    const std::string fresh = target + ".new";
    const int to = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    writeAll(to, lines.data(), lines.size(), 0);
    ::close(to);
    if (::rename(fresh.c_str(), target.c_str()) != 0) {
        std::abort();
    }
}

int flush(int file, const char *name)
{
    const Target target = targetOf(file);
    if (target == Target::Elsewhere) {
        return next<FlushFunction>(name)(file);
    }
    const char *failAt = setting("POWERCUT_FAIL_FLUSH");
    if (++flushCount; failAt != nullptr && flushCount >= std::atol(failAt)) {
        errno = EIO;
        return -1;
    }
    if (setting("POWERCUT_LIE") != nullptr || setting("POWERCUT_SHADOW") == nullptr) {
        return 0;
    }
    const std::scoped_lock lock(shadowMutex);
    if (target == Target::Folder) {
        keepNames();
    } else {
        keepFile(file);
    }
    return 0;
}

ssize_t writeVector(int file, const iovec *pieces, int count, off_t offset, const char *name)
{
    const char *failAt = setting("POWERCUT_FAIL_WRITE");
    if (failAt != nullptr && targetOf(file) == Target::File && ++writeCount >= std::atol(failAt)) {
        const char *number = std::strchr(failAt, ':');
        errno = number != nullptr ? std::atoi(number + 1) : EIO;
        return -1;
    }
    return next<WriteFunction>(name)(file, pieces, count, offset);
}

/// What is on the disk when the program starts is there to stay.
__attribute__((constructor)) void keepWhatIsThere()
{
    const char *folder = setting("POWERCUT_DIR");
    const char *shadow = setting("POWERCUT_SHADOW");
    if (folder == nullptr || shadow == nullptr
        || ::access((std::string(shadow) + "/names").c_str(), F_OK) == 0) {
        return;
    }
    DIR *listing = ::opendir(folder);
    if (listing == nullptr) {
        return;
    }
    while (const dirent *item = ::readdir(listing)) {  // NOLINT(concurrency-mt-unsafe)
        const int file = item->d_type == DT_REG
                             ? ::openat(::dirfd(listing), item->d_name, O_RDONLY | O_CLOEXEC)
                             : -1;
        if (file >= 0) {
            keepFile(file);
            ::close(file);
        }
    }
    ::closedir(listing);
    keepNames();
}

}  // namespace

extern "C" {

int fsync(int file)
{
    return flush(file, "fsync");
}

int fdatasync(int file)
{
    return flush(file, "fdatasync");
}

ssize_t pwritev(int file, const iovec *pieces, int count, off_t offset)
{
    return writeVector(file, pieces, count, offset, "pwritev");
}

ssize_t pwritev64(int file, const iovec *pieces, int count, off64_t offset)
{
    return writeVector(file, pieces, count, offset, "pwritev64");
}
}
