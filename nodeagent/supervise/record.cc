#include "supervise/record.h"

#include <dirent.h>
#include <unistd.h>

#include <cstdio>

#include "base/file.h"
#include "base/log.h"
#include "json/parse.h"
#include "json/serialize.h"

namespace towpath::supervise {
namespace {

Value portsToValue(const std::vector<InstancePort>& ports) {
  Array list;
  for (const InstancePort& port : ports) {
    list.push_back(Object{{"name", port.name},
                          {"containerPort", port.container_port},
                          {"hostPort", port.host_port},
                          {"protocol", port.protocol}});
  }
  return list;
}

std::vector<InstancePort> readPorts(const Value& list) {
  std::vector<InstancePort> ports;
  for (const Value& port : list.asArray()) {
    ports.push_back({port["name"].asString(), static_cast<std::int32_t>(port["containerPort"].asInt()),
                     static_cast<std::int32_t>(port["hostPort"].asInt()), port["protocol"].asString("TCP")});
  }
  return ports;
}

// Micro-seconds since the epoch: restart back-off is measured from them.
std::int64_t toMicros(WallTime time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}
WallTime fromMicros(std::int64_t micros) { return WallTime(std::chrono::microseconds(micros)); }

Value containerToValue(const ContainerRecord& container) {
  Object value{{"attempt", container.attempt},
               {"startedAt", toMicros(container.started_at)},
               {"restartCount", container.restart_count},
               {"ready", container.ready},
               {"completed", container.completed}};
  if (container.process) {
    value.set("process", Object{{"pid", static_cast<int>(container.process->pid)},
                                {"startTicks", static_cast<std::int64_t>(container.process->start_ticks)},
                                {"bootId", container.process->boot_id}});
  }
  if (container.last_exit) {
    Object exit{{"reason", container.last_exit->reason},
                {"message", container.last_exit->message},
                {"startedAt", toMicros(container.last_exit->started_at)},
                {"finishedAt", toMicros(container.last_exit->finished_at)}};
    if (container.last_exit->exit_code) exit.set("exitCode", *container.last_exit->exit_code);
    value.set("lastExit", std::move(exit));
  }
  return value;
}

ContainerRecord readContainer(const Value& value) {
  ContainerRecord container;
  container.attempt = value["attempt"].asInt();
  container.started_at = fromMicros(value["startedAt"].asInt());
  container.restart_count = value["restartCount"].asInt();
  container.ready = value["ready"].asBool();
  container.completed = value["completed"].asBool();
  if (const Value& process = value["process"]; process.isObject()) {
    container.process =
        ProcessId{static_cast<pid_t>(process["pid"].asInt()), static_cast<std::uint64_t>(process["startTicks"].asInt()),
                  process["bootId"].asString()};
  }
  if (const Value& exit = value["lastExit"]; exit.isObject()) {
    ExitRecord last;
    if (exit["exitCode"].isInt()) last.exit_code = static_cast<int>(exit["exitCode"].asInt());
    last.reason = exit["reason"].asString();
    last.message = exit["message"].asString();
    last.started_at = fromMicros(exit["startedAt"].asInt());
    last.finished_at = fromMicros(exit["finishedAt"].asInt());
    container.last_exit = std::move(last);
  }
  return container;
}

Result<PodRecord> readRecordFile(const std::string& path) {
  const auto text = readFile(path);
  if (!text) return std::unexpected(text.error());
  const auto value = json::parse(*text);
  if (!value) return std::unexpected(value.error());
  return readRecord(*value);
}

Result<std::vector<std::string>> listFiles(const std::string& directory) {
  DIR* listing = ::opendir(directory.c_str());
  if (!listing) return std::unexpected(lastOsError("cannot list " + directory));
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(listing)) names.emplace_back(entry->d_name);
  ::closedir(listing);
  return names;
}

}  // namespace

std::vector<InstancePort> allPorts(const PodRecord& record) {
  std::vector<InstancePort> all;
  for (const auto& [container, ports] : record.container_ports) all.insert(all.end(), ports.begin(), ports.end());
  return all;
}

Value toValue(const PodRecord& record) {
  Object containers;
  for (const auto& [name, container] : record.containers) containers.set(name, containerToValue(container));
  Object ports;
  for (const auto& [name, list] : record.container_ports) ports.set(name, portsToValue(list));
  return Object{{"version", 1},
                {"namespace", record.ns},
                {"name", record.name},
                {"uid", record.uid},
                {"acceptedAt", toMicros(record.accepted_at)},
                {"ports", std::move(ports)},
                {"containers", std::move(containers)}};
}

Result<PodRecord> readRecord(const Value& value) {
  if (value["version"].asInt() != 1 || !value["uid"].isString()) {
    return fail(ErrorKind::kCorrupt, "not an instance record of version 1");
  }
  PodRecord record;
  record.ns = value["namespace"].asString();
  record.name = value["name"].asString();
  record.uid = value["uid"].asString();
  record.accepted_at = fromMicros(value["acceptedAt"].asInt());
  for (const auto& [name, ports] : value["ports"].asObject()) record.container_ports[name] = readPorts(ports);
  for (const auto& [name, container] : value["containers"].asObject()) {
    record.containers[name] = readContainer(container);
  }
  return record;
}

Result<void> RecordStore::write(const PodRecord& record) const {
  return writeFileAtomically(fmt::format("{}/{}.json", directory_, record.uid), json::serialize(toValue(record)));
}

void RecordStore::remove(const std::string& uid) const {
  ::unlink(fmt::format("{}/{}.json", directory_, uid).c_str());
  // The locks of its containers: their processes have ended.
  for (const std::string& name : listFiles(directory_).value_or(std::vector<std::string>())) {
    if (name.starts_with(uid + "-") && name.ends_with(".lock")) ::unlink((directory_ + "/" + name).c_str());
  }
}

Result<std::vector<PodRecord>> RecordStore::readAll() const {
  const Result<std::vector<std::string>> names = listFiles(directory_);
  if (!names) return std::unexpected(names.error());
  std::vector<PodRecord> records;
  for (const std::string& name : *names) {
    if (!name.ends_with(".json")) continue;
    const std::string path = directory_ + "/" + name;
    const Result<PodRecord> record = readRecordFile(path);
    if (record) {
      records.push_back(*record);
      continue;
    }
    log::error("an instance record cannot be read and is set aside",
               {{"file", path}, {"error", describe(record.error())}});
    std::rename(path.c_str(), (path + ".bad").c_str());
  }
  return records;
}

}  // namespace towpath::supervise
